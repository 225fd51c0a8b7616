import type { Accumulator } from "../accumulator.ts";
import { setUnknown } from "../accumulators/set-unknown.ts";
import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";

/** What of each bucket is kept: accumulators of fixed width, first of all `count`. */
export interface HistoryFields {
  readonly accumulators: readonly Accumulator[];
  /** Of each accumulator in a row, in float64 fields. */
  readonly offsets: readonly number[];
  readonly stride: number;
}

const ROWS_FIRST = 8;

/** Buckets of one series, ascending by start; a row of fields each. */
export class HistoryRows {
  readonly fields: HistoryFields;
  readonly starts: EventTimeMs[] = [];
  /** That of bucket `i` begins at `i * stride`; longer than what is in it. */
  state: Float64Array;

  constructor(fields: HistoryFields, state: Float64Array = new Float64Array(ROWS_FIRST * fields.stride)) {
    this.fields = fields;
    this.state = state;
  }

  get size(): number {
    return this.starts.length;
  }

  /** Merges a row into the bucket that begins then: the last one, or a new one behind it. */
  add(startMs: EventTimeMs, from: Float64Array, at: number): void {
    const { accumulators, offsets, stride } = this.fields;
    const lastMs = this.starts.at(-1) ?? -Infinity;
    assert(startMs >= lastMs, "buckets are not added in order");
    if (startMs > lastMs) {
      this.#grow();
      this.state.set(from.subarray(at, at + stride), this.starts.length * stride);
      this.starts.push(startMs);
      return;
    }
    const into = (this.starts.length - 1) * stride;
    for (let index = 0; index < accumulators.length; index++)
      accumulators[index].merge(this.state, into + offsets[index], from, at + offsets[index]);
  }

  /** Adds the buckets of `rows` that begin in `[fromMs, toMs)`, each merged into the longer bucket that it begins in. */
  addAll(rows: HistoryRows, fromMs: EventTimeMs, toMs: EventTimeMs, bucketMs = 1): void {
    const { stride } = this.fields;
    for (let index = rows.firstFrom(fromMs); index < rows.size && rows.starts[index] < toMs; index++)
      this.add(Math.floor(rows.starts[index] / bucketMs) * bucketMs, rows.state, index * stride);
  }

  /** The index of the first bucket that begins then or later. */
  firstFrom(timeMs: EventTimeMs): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.starts[middle] < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The same buckets with other fields: what they lack becomes unknown where there are readings. */
  as(fields: HistoryFields): HistoryRows {
    const match = matchFields(fields, this.fields);
    if (match === null) return this;
    const rows = new HistoryRows(fields, new Float64Array(this.size * fields.stride));
    for (const startMs of this.starts) rows.starts.push(startMs);
    for (const [index, { width }] of fields.accumulators.entries()) {
      if (match[index] < 0) {
        rows.lack(index);
        continue;
      }
      for (let row = 0; row < this.size; row++) {
        const from = row * this.fields.stride + match[index];
        rows.state.set(this.state.subarray(from, from + width), row * fields.stride + fields.offsets[index]);
      }
    }
    return rows;
  }

  /** Nothing is told of one of the accumulators: where there are readings, it is unknown. */
  lack(index: number): void {
    const { accumulators, offsets, stride } = this.fields;
    for (let at = 0; at < this.size * stride; at += stride) {
      accumulators[index].identity(this.state, at + offsets[index]);
      // The count stands first.
      if (this.state[at] > 0) setUnknown(accumulators[index], this.state, at + offsets[index]);
    }
  }

  #grow(): void {
    const needed = (this.starts.length + 1) * this.fields.stride;
    if (needed <= this.state.length) return;
    const state = new Float64Array(Math.max(2 * this.state.length, needed));
    state.set(this.state);
    this.state = state;
  }
}

/** These accumulators as fields of a row, in their order. */
export function historyFields(accumulators: readonly Accumulator[]): HistoryFields {
  const offsets: number[] = [];
  let stride = 0;
  for (const { width } of accumulators) {
    offsets.push(stride);
    stride += width;
  }
  return { accumulators, offsets, stride };
}

/** By accumulator of `fields` where it stands in a row of `from`, -1: nowhere. Null where both are the same. */
export function matchFields(fields: HistoryFields, from: HistoryFields): readonly number[] | null {
  const match = fields.accumulators.map(({ name }) => {
    const index = from.accumulators.findIndex((each) => each.name === name);
    return index < 0 ? -1 : from.offsets[index];
  });
  const isSame =
    fields.stride === from.stride && match.every((offset, index) => offset === fields.offsets[index]);
  return isSame ? null : match;
}
