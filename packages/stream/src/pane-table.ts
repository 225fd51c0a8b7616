import type { AccumulatorName } from "./accumulator.ts";
import { addBeside } from "./accumulators/beside.ts";
import type { BesideKind } from "./accumulators/beside.ts";
import { first } from "./accumulators/first.ts";
import { last } from "./accumulators/last.ts";
import { max } from "./accumulators/max.ts";
import { mean } from "./accumulators/mean.ts";
import { min } from "./accumulators/min.ts";
import { sum } from "./accumulators/sum.ts";
import { ACCUMULATORS } from "./accumulators/table.ts";
import { assert } from "./assert.ts";
import type { EventTimeMs } from "./event-time.ts";
import type { PaneLayout } from "./pane-layout.ts";
import type { PaneRows } from "./pane-rows.ts";
import { readingCountOfRow } from "./reading-count.ts";
import type { Labels } from "./series.ts";

const ROWS_FIRST = 64;

export interface PaneTableOptions {
  /** Most open panes; a reading for one more is refused and counted. */
  readonly rowsMax: number;
}

/**
 * The open panes of one metric at an agent: what each has gained and not yet handed over. One flat array of rows; adding
 * a reading allocates nothing. Series are small dense indices, given by the caller.
 */
export class PaneTable {
  readonly metric: string;
  readonly layout: PaneLayout;
  readonly #rowsMax: number;
  readonly #stride: number;
  readonly #paneMs: number;
  readonly #besideAt: number;
  /** Offset of each accumulator in a row; -1 where the metric does not ask for it. */
  readonly #sumAt: number;
  readonly #minAt: number;
  readonly #maxAt: number;
  readonly #meanAt: number;
  readonly #firstAt: number;
  readonly #lastAt: number;
  readonly #identity: Float64Array;

  #rowCount = 0;
  #readingCount = 0;
  #refusedCount = 0;
  #series = new Uint32Array(ROWS_FIRST);
  #startMs = new Float64Array(ROWS_FIRST);
  #isChanged = new Uint8Array(ROWS_FIRST);
  #state: Float64Array;
  /** Row in use last, by series; -1 for none. */
  #currentRow = new Int32Array(0);
  /** Open addressing over (series, start): row + 1, or 0. Twice the rows at least, so a free slot is near. */
  #slots = new Int32Array(ROWS_FIRST * 2);

  constructor(metric: string, layout: PaneLayout, { rowsMax }: PaneTableOptions) {
    this.metric = metric;
    this.layout = layout;
    this.#rowsMax = rowsMax;
    this.#stride = layout.stride;
    this.#paneMs = layout.paneMs;
    this.#besideAt = layout.stride - ACCUMULATORS.beside.width;
    const offsetOf = (name: AccumulatorName) => layout.offsets[layout.accumulators.indexOf(name)] ?? -1;
    this.#sumAt = offsetOf("sum");
    this.#minAt = offsetOf("min");
    this.#maxAt = offsetOf("max");
    this.#meanAt = offsetOf("mean");
    this.#firstAt = offsetOf("first");
    this.#lastAt = offsetOf("last");
    this.#identity = new Float64Array(layout.stride);
    for (const [index, name] of layout.accumulators.entries())
      ACCUMULATORS[name].identity(this.#identity, layout.offsets[index]);
    this.#state = new Float64Array(ROWS_FIRST * layout.stride);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Readings in the open panes: added, uncertain and bad. */
  get readingCount(): number {
    return this.#readingCount;
  }

  /** Readings refused because `rowsMax` panes were open. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Adds a good reading to its pane. False, and counted, when that would open more than `rowsMax` panes. */
  add(series: number, timeMs: EventTimeMs, value: number): boolean {
    const row = this.#rowAt(series, timeMs);
    if (row < 0) return false;
    const state = this.#state;
    const base = row * this.#stride;
    state[base] = state[base] + 1;
    // Called by name, one after another: a loop over a table of them, whose calls cannot be inlined, costs a third of the rate.
    if (this.#sumAt > 0) sum.add(state, base + this.#sumAt, value, timeMs);
    if (this.#minAt > 0) min.add(state, base + this.#minAt, value, timeMs);
    if (this.#maxAt > 0) max.add(state, base + this.#maxAt, value, timeMs);
    if (this.#meanAt > 0) mean.add(state, base + this.#meanAt, value, timeMs);
    if (this.#firstAt > 0) first.add(state, base + this.#firstAt, value, timeMs);
    if (this.#lastAt > 0) last.add(state, base + this.#lastAt, value, timeMs);
    this.#isChanged[row] = 1;
    this.#readingCount++;
    return true;
  }

  /**
   * Counts a reading beside its pane. `uncertain` and `bad` ones are not to be added too; `undeduplicated` is a note on
   * a reading that was added (or counted uncertain or bad) by a call of its own.
   */
  addBeside(series: number, timeMs: EventTimeMs, kind: BesideKind): boolean {
    const row = this.#rowAt(series, timeMs);
    if (row < 0) return false;
    addBeside(this.#state, row * this.#stride + this.#besideAt, kind);
    this.#isChanged[row] = 1;
    if (kind !== "undeduplicated") this.#readingCount++;
    return true;
  }

  /**
   * Merges rows of the same layout; `seriesOf` tells this table's index of `rows.series[i]`. A pane that is not open yet
   * takes the row's very bits. Rows may go beyond `rowsMax`: they are readings already promised.
   */
  merge(rows: PaneRows, seriesOf: (index: number) => number): void {
    assert(
      rows.layout.paneMs === this.#paneMs &&
        rows.layout.accumulators.join() === this.layout.accumulators.join(),
      "rows of another layout",
    );
    for (let from = 0; from < rows.rowCount; from++) {
      const series = seriesOf(rows.seriesIndex[from]);
      const startMs = rows.startMs[from];
      const fromAt = from * this.#stride;
      let row = this.#find(series, startMs);
      if (row < 0) {
        row = this.#open(series, startMs);
        this.#state.set(rows.state.subarray(fromAt, fromAt + this.#stride), row * this.#stride);
      } else {
        for (const [index, name] of this.layout.accumulators.entries()) {
          const offset = this.layout.offsets[index];
          ACCUMULATORS[name].merge(this.#state, row * this.#stride + offset, rows.state, fromAt + offset);
        }
      }
      this.#isChanged[row] = 1;
      this.#readingCount += readingCountOfRow(rows.layout, rows.state, fromAt);
    }
  }

  /** Removes the panes that `accept` names (all by default) and returns them as deltas, by series, then start. */
  take(
    labelsOf: (series: number) => Labels,
    accept?: (series: number, startMs: EventTimeMs) => boolean,
  ): PaneRows {
    const taken: number[] = [];
    const kept: number[] = [];
    for (let row = 0; row < this.#rowCount; row++) {
      (accept === undefined || accept(this.#series[row], this.#startMs[row]) ? taken : kept).push(row);
    }
    const rows = this.#copy(taken, labelsOf);
    if (taken.length > 0) this.#keep(kept);
    return rows;
  }

  /**
   * The panes that have changed since the last call (or since the start), whole and to the bit, by series, then start;
   * they stay open. What `take` has removed is not among them.
   */
  checkpoint(labelsOf: (series: number) => Labels): PaneRows {
    const changed: number[] = [];
    for (let row = 0; row < this.#rowCount; row++) if (this.#isChanged[row] === 1) changed.push(row);
    this.#isChanged.fill(0, 0, this.#rowCount);
    return this.#copy(changed, labelsOf);
  }

  /** The open pane of a series at a time; opens it where it is not. -1, and counted, at the bound. */
  #rowAt(series: number, timeMs: EventTimeMs): number {
    if (series < this.#currentRow.length) {
      const row = this.#currentRow[series];
      if (row >= 0) {
        const sinceStartMs = timeMs - this.#startMs[row];
        if (sinceStartMs >= 0 && sinceStartMs < this.#paneMs) return row;
      }
    }
    const startMs = Math.floor(timeMs / this.#paneMs) * this.#paneMs;
    let row = this.#find(series, startMs);
    if (row < 0) {
      if (this.#rowCount >= this.#rowsMax) {
        this.#refusedCount++;
        return -1;
      }
      row = this.#open(series, startMs);
    }
    if (series >= this.#currentRow.length) {
      const current = new Int32Array(Math.max(64, 2 * (series + 1))).fill(-1);
      current.set(this.#currentRow);
      this.#currentRow = current;
    }
    this.#currentRow[series] = row;
    return row;
  }

  #find(series: number, startMs: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(series, startMs) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] - 1;
      if (row < 0) return -1;
      if (this.#series[row] === series && this.#startMs[row] === startMs) return row;
    }
  }

  #open(series: number, startMs: number): number {
    if (this.#rowCount === this.#startMs.length) this.#grow();
    const row = this.#rowCount++;
    this.#series[row] = series;
    this.#startMs[row] = startMs;
    this.#isChanged[row] = 0;
    this.#state.set(this.#identity, row * this.#stride);
    this.#index(row);
    return row;
  }

  #index(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(this.#series[row], this.#startMs[row]) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  /** Mixes series and pane number (murmur3's finalizer), so that neighbours land apart. */
  #hash(series: number, startMs: number): number {
    let hash = Math.imul(series, 0x9e3779b1) ^ ((startMs / this.#paneMs) | 0);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  #grow(): void {
    const capacity = this.#startMs.length * 2;
    const series = new Uint32Array(capacity);
    series.set(this.#series);
    this.#series = series;
    const startMs = new Float64Array(capacity);
    startMs.set(this.#startMs);
    this.#startMs = startMs;
    const isChanged = new Uint8Array(capacity);
    isChanged.set(this.#isChanged);
    this.#isChanged = isChanged;
    const state = new Float64Array(capacity * this.#stride);
    state.set(this.#state);
    this.#state = state;
    this.#slots = new Int32Array(capacity * 2);
    for (let row = 0; row < this.#rowCount; row++) this.#index(row);
  }

  #copy(picked: number[], labelsOf: (series: number) => Labels): PaneRows {
    picked.sort((a, b) => this.#series[a] - this.#series[b] || this.#startMs[a] - this.#startMs[b]);
    const series: Labels[] = [];
    const seriesIndex = new Uint32Array(picked.length);
    const startMs = new Float64Array(picked.length);
    const state = new Float64Array(picked.length * this.#stride);
    let previous = -1;
    for (const [at, row] of picked.entries()) {
      if (this.#series[row] !== previous) {
        previous = this.#series[row]!;
        series.push(labelsOf(previous));
      }
      seriesIndex[at] = series.length - 1;
      startMs[at] = this.#startMs[row]!;
      state.set(this.#state.subarray(row * this.#stride, (row + 1) * this.#stride), at * this.#stride);
    }
    return {
      metric: this.metric,
      layout: this.layout,
      rowCount: picked.length,
      series,
      seriesIndex,
      startMs,
      state,
    };
  }

  /** Closes the gaps that removed rows leave; `kept` is ascending. */
  #keep(kept: readonly number[]): void {
    this.#readingCount = 0;
    for (const [at, row] of kept.entries()) {
      this.#series[at] = this.#series[row]!;
      this.#startMs[at] = this.#startMs[row]!;
      this.#isChanged[at] = this.#isChanged[row]!;
      this.#state.copyWithin(at * this.#stride, row * this.#stride, (row + 1) * this.#stride);
      this.#readingCount += readingCountOfRow(this.layout, this.#state, at * this.#stride);
    }
    this.#rowCount = kept.length;
    this.#currentRow.fill(-1);
    this.#slots.fill(0);
    for (let row = 0; row < this.#rowCount; row++) this.#index(row);
  }
}
