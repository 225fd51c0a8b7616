import { mergeRanges, PENDING_RANGES_MAX, type TimeRange } from "@millrace/stream";
import { BATCH_KINDS } from "@millrace/wire";
import type { BatchSummary } from "./batch-summary.ts";

const GIVEN_UP = 255;
const CAPACITY_MIN = 64;

/** The summaries of one lane's batches, by sequence: 29 bytes each, in columns that begin at `#base`. */
export class LaneIndex {
  #base: number;
  #kinds = new Uint8Array(CAPACITY_MIN).fill(GIVEN_UP);
  #bytes = new Uint32Array(CAPACITY_MIN);
  #readings = new Float64Array(CAPACITY_MIN);
  #startMs = new Float64Array(CAPACITY_MIN);
  #endMs = new Float64Array(CAPACITY_MIN);
  #pending: readonly TimeRange[] | undefined;

  constructor(oldest: number) {
    this.#base = oldest;
  }

  get(sequence: number): BatchSummary | undefined {
    if (!this.isHeld(sequence)) return undefined;
    const at = sequence - this.#base;
    return {
      kind: BATCH_KINDS[this.#kinds[at]],
      bytes: this.#bytes[at],
      readings: this.#readings[at],
      startMs: this.#startMs[at],
      endMs: this.#endMs[at],
    };
  }

  isHeld(sequence: number): boolean {
    const at = sequence - this.#base;
    return at >= 0 && at < this.#kinds.length && this.#kinds[at] !== GIVEN_UP;
  }

  set(sequence: number, summary: BatchSummary): void {
    this.#reserve(sequence);
    const at = sequence - this.#base;
    this.#kinds[at] = BATCH_KINDS.indexOf(summary.kind);
    this.#bytes[at] = summary.bytes;
    this.#readings[at] = summary.readings;
    this.#startMs[at] = summary.startMs;
    this.#endMs[at] = summary.endMs;
  }

  remove(sequence: number): void {
    if (this.isHeld(sequence)) this.#kinds[sequence - this.#base] = GIVEN_UP;
  }

  /** The first held sequence from `sequence` on and below `next`; `next` when there is none. */
  nextHeld(sequence: number, next: number): number {
    let held = sequence;
    while (held < next && !this.isHeld(held)) held += 1;
    return held;
  }

  /** Nothing below `oldest` will be asked for again. */
  dropBelow(oldest: number): void {
    const count = oldest - this.#base;
    if (count < this.#kinds.length / 2) return;
    this.#move(oldest, this.#kinds.length);
  }

  /** Event time of the batches in `from` … `next − 1`: ascending, disjoint, at most PENDING_RANGES_MAX. */
  pendingRanges(from: number, next: number): readonly TimeRange[] {
    this.#pending ??= mergeRanges(this.#collectRanges(from, next), PENDING_RANGES_MAX);
    return this.#pending;
  }

  /** The batches that `pendingRanges` looks at are others now. */
  forgetPending(): void {
    this.#pending = undefined;
  }

  /** A batch was appended: cheaper than to look at all of them again. */
  extendPending(range: TimeRange): void {
    if (this.#pending !== undefined)
      this.#pending = mergeRanges([...this.#pending, range], PENDING_RANGES_MAX);
  }

  /** One pass; batches mostly follow one another in time, so that few ranges are left to sort. */
  #collectRanges(from: number, next: number): TimeRange[] {
    const ranges: TimeRange[] = [];
    let startMs = 0;
    let endMs = 0;
    for (let at = from - this.#base; at < next - this.#base; at += 1) {
      if (this.#kinds[at] === GIVEN_UP || this.#startMs[at] >= this.#endMs[at]) continue;
      if (startMs < endMs && this.#startMs[at] <= endMs && startMs <= this.#endMs[at]) {
        startMs = Math.min(startMs, this.#startMs[at]);
        endMs = Math.max(endMs, this.#endMs[at]);
      } else {
        if (startMs < endMs) ranges.push({ startMs, endMs });
        startMs = this.#startMs[at];
        endMs = this.#endMs[at];
      }
    }
    if (startMs < endMs) ranges.push({ startMs, endMs });
    return ranges;
  }

  #reserve(sequence: number): void {
    const at = sequence - this.#base;
    if (at >= this.#kinds.length) this.#move(this.#base, Math.max(2 * this.#kinds.length, at + 1));
  }

  /** Gives the columns another beginning and at least CAPACITY_MIN entries. */
  #move(base: number, length: number): void {
    const from = Math.min(base - this.#base, this.#kinds.length);
    const capacity = Math.max(CAPACITY_MIN, length - from);
    const kinds = new Uint8Array(capacity).fill(GIVEN_UP);
    kinds.set(this.#kinds.subarray(from));
    const bytes = new Uint32Array(capacity);
    bytes.set(this.#bytes.subarray(from));
    this.#kinds = kinds;
    this.#bytes = bytes;
    this.#readings = moved(this.#readings, from, capacity);
    this.#startMs = moved(this.#startMs, from, capacity);
    this.#endMs = moved(this.#endMs, from, capacity);
    this.#base = base;
  }
}

function moved(column: Float64Array, from: number, capacity: number): Float64Array<ArrayBuffer> {
  const copy = new Float64Array(capacity);
  copy.set(column.subarray(from));
  return copy;
}
