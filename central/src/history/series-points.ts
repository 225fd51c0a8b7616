import { setImmediate } from "node:timers/promises";
import { historyFields, matchFields } from "@millrace/stream";
import type { Accumulator, HistoryFields, HistoryRows, Labels } from "@millrace/stream";
import type { SeriesColumns } from "./series-page.ts";

/** Which steps are asked for: `count` of them from `fromMs`. */
export interface StepGrid {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** The fields that tell these values; `count` is always among them, first. A mean is also made of a sum. */
export function fieldsOf(accumulators: readonly Accumulator[], values: readonly string[]): HistoryFields {
  const hasMean = accumulators.some(({ results }) => results.includes("mean"));
  return historyFields(
    accumulators.filter(
      ({ name, results }) =>
        name === "count" ||
        results.some((result) => values.includes(result)) ||
        (name === "sum" && !hasMean && values.includes("mean")),
    ),
  );
}

/** Points that are finished in one turn of the event loop: a few milliseconds. */
export const SLICE_POINTS = 2_000;

/** The points of one group: what falls into each step, merged. */
export class SeriesPoints {
  readonly #fields: HistoryFields;
  readonly #grid: StepGrid;
  readonly #state: Float64Array;
  readonly #isThere: Uint8Array;
  /** Everything before this is in the chunks that were added. */
  rolledToMs = -Infinity;

  constructor(fields: HistoryFields, grid: StepGrid) {
    const count = (grid.toMs - grid.fromMs) / grid.stepMs;
    this.#fields = fields;
    this.#grid = grid;
    this.#state = new Float64Array(count * fields.stride);
    this.#isThere = new Uint8Array(count);
  }

  /** Steps of the grid, whether something is in them or not. */
  get size(): number {
    return this.#isThere.length;
  }

  /** Merges what is in the grid's range of buckets that end before `toMs`. */
  addAll(rows: HistoryRows, match: readonly number[]): void {
    const { fromMs, toMs } = this.#grid;
    const { stride } = rows.fields;
    for (let index = rows.firstFrom(fromMs); index < rows.size && rows.starts[index] < toMs; index++)
      this.add(rows.starts[index], rows.state, index * stride, match);
  }

  /** Merges one row that begins in the range. `match`: where each of the fields stands in it, -1: nowhere. */
  add(startMs: number, from: Float64Array, at: number, match: readonly number[]): void {
    const { accumulators, offsets, stride } = this.#fields;
    const point = Math.floor((startMs - this.#grid.fromMs) / this.#grid.stepMs);
    const into = point * stride;
    if (this.#isThere[point] === 0) {
      this.#isThere[point] = 1;
      for (let index = 0; index < accumulators.length; index++)
        accumulators[index].identity(this.#state, into + offsets[index]);
    }
    for (let index = 0; index < accumulators.length; index++) {
      const offset = match[index];
      if (offset >= 0) accumulators[index].merge(this.#state, into + offsets[index], from, at + offset);
      // What a row with readings does not tell of, the whole does not tell of either.
      else if (from[at] > 0)
        this.#state.fill(NaN, into + offsets[index], into + offsets[index] + accumulators[index].width);
    }
  }

  /** Null where nothing is. Others have their turn between: nothing may be added meanwhile. */
  async columns(labels: Labels, values: readonly string[]): Promise<SeriesColumns | null> {
    const { fromMs, stepMs } = this.#grid;
    const { accumulators, offsets, stride } = this.#fields;
    const startMs: number[] = [];
    const columns = values.map((name): { readonly name: string; readonly column: (number | null)[] } => ({
      name,
      column: [],
    }));
    const sources = values.map((name) =>
      [...accumulators.keys()].filter((index) => accumulators[index].results.includes(name)).reverse(),
    );
    const sumAt = accumulators.findIndex(({ name }) => name === "sum");
    const finished: Readonly<Record<string, number>>[] = [];
    for (let point = 0; point < this.#isThere.length; point++) {
      if ((point + 1) % SLICE_POINTS === 0) await setImmediate();
      if (this.#isThere[point] === 0) continue;
      startMs.push(fromMs + point * stepMs);
      for (let index = 0; index < accumulators.length; index++)
        finished[index] = accumulators[index].finish(this.#state, point * stride + offsets[index]);
      for (let index = 0; index < columns.length; index++) {
        const { name, column } = columns[index];
        // As in a window the last that has a result tells it.
        const source = sources[index].find((each) => finished[each][name] !== undefined);
        if (source !== undefined) column.push(finished[source][name]);
        else if (sources[index].length > 0) column.push(null);
        else column.push(name === "mean" && sumAt >= 0 ? meanOf(finished[0], finished[sumAt]) : null);
      }
    }
    if (startMs.length === 0) return null;
    return { labels, startMs, values: Object.fromEntries(columns.map(({ name, column }) => [name, column])) };
  }
}

/** Where the metric accumulates a sum and no mean. */
function meanOf(
  { count }: Readonly<Record<string, number>>,
  { sum }: Readonly<Record<string, number>>,
): number | null {
  return sum !== undefined && count > 0 ? sum / count : null;
}

/** Where each of the fields stands in rows of these; -1: nowhere. */
export function matchOf(fields: HistoryFields, from: HistoryFields): readonly number[] {
  return matchFields(fields, from) ?? from.offsets;
}
