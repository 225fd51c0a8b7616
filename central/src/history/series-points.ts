import { setImmediate } from "node:timers/promises";
import { historyFields, matchFields } from "@millrace/stream";
import type { Accumulator, HistoryFields, HistoryRows, Labels, StateRows } from "@millrace/stream";
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

  /** Merges what is in the grid's range of rows with the same fields, and begins at `firstMs` or later. */
  addAll(rows: HistoryRows, firstMs: number): void {
    const { fromMs, toMs, stepMs } = this.#grid;
    const { accumulators, offsets, stride } = this.#fields;
    const { starts } = rows;
    const states = offsets.map((offset) => ({ from: rows.state, stride, offset }));
    const merged: number[] = [];
    for (let row = rows.firstFrom(Math.max(fromMs, firstMs)); row < starts.length && starts[row] < toMs;) {
      const point = Math.floor((starts[row] - fromMs) / stepMs);
      const endMs = Math.min(fromMs + (point + 1) * stepMs, toMs);
      merged.length = 0;
      for (; row < starts.length && starts[row] < endMs; row++) merged.push(row);
      this.#open(point);
      for (let index = 0; index < accumulators.length; index++)
        mergeRows(accumulators[index], this.#state, point * stride + offsets[index], states[index], merged);
    }
  }

  /** Merges one row that begins in the range. `match`: where each of the fields stands in it, -1: nowhere. */
  add(startMs: number, from: Float64Array, at: number, match: readonly number[]): void {
    const { accumulators, offsets, stride } = this.#fields;
    const point = Math.floor((startMs - this.#grid.fromMs) / this.#grid.stepMs);
    const into = point * stride;
    this.#open(point);
    for (let index = 0; index < accumulators.length; index++) {
      const offset = match[index];
      if (offset >= 0) accumulators[index].merge(this.#state, into + offsets[index], from, at + offset);
      // What a row with readings does not tell of, the whole does not tell of either.
      else if (from[at] > 0)
        this.#state.fill(NaN, into + offsets[index], into + offsets[index] + accumulators[index].width);
    }
  }

  #open(point: number): void {
    if (this.#isThere[point] === 1) return;
    this.#isThere[point] = 1;
    const { accumulators, offsets, stride } = this.#fields;
    for (let index = 0; index < accumulators.length; index++)
      accumulators[index].identity(this.#state, point * stride + offsets[index]);
  }

  /** Null where nothing is. Others have their turn between: nothing may be added meanwhile. */
  async columns(labels: Labels, values: readonly string[]): Promise<SeriesColumns | null> {
    const { fromMs, stepMs } = this.#grid;
    const { accumulators } = this.#fields;
    const startMs: number[] = [];
    const columns = values.map((name) => {
      const column: (number | null)[] = [];
      const sources = [...accumulators.keys()].filter((index) => accumulators[index].results.includes(name));
      // As in a window the last that has a result tells it.
      return { name, column, sources: sources.reverse() };
    });
    for (let from = 0; from < this.size; from += SLICE_POINTS) {
      if (from > 0) await setImmediate();
      const to = Math.min(this.size, from + SLICE_POINTS);
      for (let point = from; point < to; point++)
        if (this.#isThere[point] === 1) startMs.push(fromMs + point * stepMs);
      for (const { name, column, sources } of columns) {
        for (let point = from; point < to; point++)
          if (this.#isThere[point] === 1) column.push(this.#value(point, name, sources));
      }
    }
    if (startMs.length === 0) return null;
    return { labels, startMs, values: Object.fromEntries(columns.map(({ name, column }) => [name, column])) };
  }

  /** What the first of these accumulators that has it says; null: none has. */
  #value(point: number, name: string, sources: readonly number[]): number | null {
    for (let source = 0; source < sources.length; source++) {
      const value = this.#result(sources[source], point, name);
      if (!Number.isNaN(value)) return value;
    }
    if (sources.length > 0 || name !== "mean") return null;
    // Where the metric accumulates a sum and no mean.
    const sumAt = this.#fields.accumulators.findIndex((each) => each.name === "sum");
    const mean = sumAt < 0 ? NaN : this.#result(sumAt, point, "sum") / this.#result(0, point, "count");
    return Number.isFinite(mean) ? mean : null;
  }

  #result(index: number, point: number, name: string): number {
    const { accumulators, offsets, stride } = this.#fields;
    const accumulator = accumulators[index];
    const at = point * stride + offsets[index];
    if (accumulator.result !== undefined) return accumulator.result(this.#state, at, name);
    return accumulator.finish(this.#state, at)[name] ?? NaN;
  }
}

function mergeRows(
  accumulator: Accumulator,
  state: Float64Array,
  at: number,
  states: StateRows,
  rows: readonly number[],
): void {
  if (accumulator.mergeRows !== undefined) accumulator.mergeRows(state, at, states, rows);
  else for (const row of rows) accumulator.merge(state, at, states.from, row * states.stride + states.offset);
}

/** Where each of the fields stands in rows of these; -1: nowhere. */
export function matchOf(fields: HistoryFields, from: HistoryFields): readonly number[] {
  return matchFields(fields, from) ?? from.offsets;
}
