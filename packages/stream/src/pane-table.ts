import type { Accumulator } from "./accumulator.ts";
import { addBeside } from "./accumulators/beside.ts";
import type { BesideKind } from "./accumulators/beside.ts";
import { ACCUMULATORS } from "./accumulators/table.ts";
import { assert } from "./assert.ts";
import type { EventTimeMs } from "./event-time.ts";
import { OlderPanes } from "./older-panes.ts";
import type { PaneLayout } from "./pane-layout.ts";
import type { PaneRows } from "./pane-rows.ts";
import { mergeSketch } from "./pane-state.ts";
import type { ReadingColumns } from "./reading-columns.ts";
import { readingCountOfRow } from "./reading-count.ts";
import type { Labels } from "./series.ts";
import type { Sketch } from "./sketch.ts";

export interface PaneTableOptions {
  /** Most open panes; a reading for one more is refused and counted. */
  readonly rowsMax: number;
}

export interface TakeOptions {
  /** Which panes leave; all by default. */
  readonly accept?: (series: number, startMs: EventTimeMs) => boolean;
  /** Most panes of one call, so that a great table can be emptied without a long pause. */
  readonly rowsMax?: number;
}

const { count, sum, min, max, mean, beside } = ACCUMULATORS;
/** Those that `#addOne` calls by name, and the one that nothing is added to. */
const USUAL: readonly Accumulator[] = [count, sum, min, max, mean, beside];
/** As constants of this module the compiler can inline them; through an import it cannot. */
const addSum = sum.add;
const addMin = min.add;
const addMax = max.add;
const addMean = mean.add;

const NONE: Float64Array = new Float64Array(0);
const SERIES_FIRST = 64;
const GATHERED_MAX = 1_024;

/**
 * The open panes of one metric at an agent: what each has gained and not yet handed over. The newest pane of each series
 * stands in a structure of arrays by series index, one array an accumulator: nearly every reading goes there, with no
 * look-up and no allocation. A newer pane moves the one before among the older panes. Series are small dense indices,
 * given by the caller.
 */
export class PaneTable {
  readonly metric: string;
  readonly layout: PaneLayout;
  readonly #rowsMax: number;
  readonly #paneMs: number;
  readonly #older: OlderPanes;
  readonly #identity: readonly Float64Array[];
  readonly #besideIndex: number;
  /** Indices of the accumulators that are not usual. */
  readonly #others: readonly number[];

  /** Of the newest pane, by series; -Infinity where the series has no open pane. */
  #endMs = new Float64Array(0);
  #isChanged = new Uint8Array(0);
  /** For each accumulator of the layout its states, by series. */
  #columns: readonly Float64Array[];
  /** For each sketch of the layout, by series. */
  readonly #sketches: readonly (Sketch | null)[][];
  /** Of the usual accumulators once more; empty where the metric does not ask for one. */
  #counts = NONE;
  #sums = NONE;
  #mins = NONE;
  #maxs = NONE;
  #means = NONE;
  /** Of a batch that is not in order, what belongs to the newest panes. */
  readonly #gathered: ReadingColumns = {
    count: GATHERED_MAX,
    series: new Uint32Array(GATHERED_MAX),
    timeMs: new Float64Array(GATHERED_MAX),
    value: new Float64Array(GATHERED_MAX),
  };
  /** Time and value of the reading that `add` was given. */
  readonly #one = new Float64Array(2);

  #newestCount = 0;
  #readingCount = 0;
  #refusedCount = 0;

  constructor(metric: string, layout: PaneLayout, { rowsMax }: PaneTableOptions) {
    this.metric = metric;
    this.layout = layout;
    this.#rowsMax = rowsMax;
    this.#paneMs = layout.paneMs;
    this.#older = new OlderPanes(layout);
    this.#identity = layout.accumulators.map((accumulator) => {
      const state = new Float64Array(accumulator.width);
      accumulator.identity(state, 0);
      return state;
    });
    this.#besideIndex = layout.accumulators.length - 1;
    this.#others = [...layout.accumulators.keys()].filter(
      (index) => !USUAL.includes(layout.accumulators[index]),
    );
    this.#columns = layout.accumulators.map(() => NONE);
    this.#sketches = layout.sketches.map(() => []);
  }

  get rowCount(): number {
    return this.#newestCount + this.#older.rowCount;
  }

  /** Readings in the open panes: added, uncertain and bad. */
  get readingCount(): number {
    return this.#readingCount;
  }

  /** Readings refused because `rowsMax` panes were open, or their time is none. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Adds a good reading to its pane. False, and counted, when that would open more than `rowsMax` panes. */
  add(series: number, timeMs: EventTimeMs, value: number): boolean {
    // Not as arguments: numbers that are handed to a function too long to be inlined are each put on the heap.
    this.#one[0] = timeMs;
    this.#one[1] = value;
    return this.#addOne(series);
  }

  /** Adds good readings, one after another; returns how many were taken. */
  addBatch(readings: ReadingColumns): number {
    const { count: to, series, timeMs, value } = readings;
    const refusedBefore = this.#refusedCount;
    let at = 0;
    while (at < to) {
      const from = at;
      at = this.#endOfRun(readings, from);
      if (at > from) this.#addRun(readings, from, at);
      if (at === to) break;
      const row = this.#rowFor(series[at], timeMs[at]);
      // It begins the next run.
      if (row === "newest") continue;
      if (row !== "refused") this.#addToOlder(row, timeMs[at], value[at]);
      // What comes out of order seldom comes alone.
      at = this.#addMixed(readings, at + 1);
    }
    const taken = to - (this.#refusedCount - refusedBefore);
    this.#readingCount += taken;
    return taken;
  }

  /** Adds what belongs to open panes and to older ones, gathering the former to a run; returns where a pane begins. */
  #addMixed({ count: end, series, timeMs, value }: ReadingColumns, from: number): number {
    const gathered = this.#gathered;
    const endMs = this.#endMs;
    const to = Math.min(end, from + GATHERED_MAX);
    let gatheredCount = 0;
    let at = from;
    for (; at < to; at++) {
      const own = series[at];
      const time = timeMs[at];
      if (!(own < endMs.length && time < endMs[own])) break;
      if (time >= endMs[own] - this.#paneMs) {
        gathered.series[gatheredCount] = own;
        gathered.timeMs[gatheredCount] = time;
        gathered.value[gatheredCount++] = value[at];
        this.#isChanged[own] = 1;
        continue;
      }
      const row = this.#rowFor(own, time);
      if (typeof row === "number") this.#addToOlder(row, time, value[at]);
    }
    this.#addRun(gathered, 0, gatheredCount);
    return at;
  }

  /** The first reading from `from` on that does not belong to the newest pane of its series. */
  #endOfRun({ count: to, series, timeMs }: ReadingColumns, from: number): number {
    const endMs = this.#endMs;
    const isChanged = this.#isChanged;
    const paneMs = this.#paneMs;
    for (let at = from; at < to; at++) {
      const own = series[at];
      const time = timeMs[at];
      if (!(own < endMs.length && time < endMs[own] && time >= endMs[own] - paneMs)) return at;
      isChanged[own] = 1;
    }
    return to;
  }

  #addRun(readings: ReadingColumns, from: number, to: number): void {
    const { accumulators } = this.layout;
    for (let index = 0; index < accumulators.length; index++) {
      const accumulator = accumulators[index];
      const column = this.#columns[index];
      if (accumulator.addRun !== undefined) {
        accumulator.addRun(column, readings, from, to);
        continue;
      }
      const { series, timeMs, value } = readings;
      for (let at = from; at < to; at++)
        accumulator.add(column, series[at] * accumulator.width, value[at], timeMs[at]);
    }
    for (let index = 0; index < this.#sketches.length; index++) {
      const column = this.#sketches[index];
      for (let at = from; at < to; at++)
        column[readings.series[at]]?.add(readings.value[at], readings.timeMs[at]);
    }
  }

  /**
   * Counts a reading beside its pane. `uncertain` and `bad` ones are not to be added too; `undeduplicated` is a note on
   * a reading that was added (or counted uncertain or bad) by a call of its own.
   */
  addBeside(series: number, timeMs: EventTimeMs, kind: BesideKind): boolean {
    const row = this.#rowFor(series, timeMs);
    if (row === "refused") return false;
    if (row === "newest") {
      addBeside(this.#columns[this.#besideIndex], series * beside.width, kind);
      this.#isChanged[series] = 1;
    } else {
      const at = this.#older.baseOf(row) + this.layout.offsets[this.#besideIndex];
      addBeside(this.#older.fieldsOf(row), at, kind);
      this.#older.setChanged(row, true);
    }
    if (kind !== "undeduplicated") this.#readingCount++;
    return true;
  }

  /**
   * Merges rows of the same layout; `seriesOf` tells this table's index of `rows.series[i]`. A pane that is not open yet
   * takes the row's very bits. Rows may go beyond `rowsMax`: they are readings already promised.
   */
  merge(rows: PaneRows, seriesOf: (index: number) => number): void {
    assert(rows.layout.key === this.layout.key, "rows of another layout");
    for (let row = 0; row < rows.rowCount; row++) {
      this.#mergeRow(seriesOf(rows.seriesIndex[row]), rows, row);
      this.#readingCount += readingCountOfRow(rows.layout, rows.state, row * rows.layout.stride);
    }
  }

  /** Removes the panes that leave and returns them as deltas, by series, then start. */
  take(
    labelsOf: (series: number) => Labels,
    { accept = () => true, rowsMax = Infinity }: TakeOptions = {},
  ): PaneRows {
    const newest: number[] = [];
    const older: number[] = [];
    for (let series = 0; series < this.#endMs.length && newest.length < rowsMax; series++) {
      const endMs = this.#endMs[series];
      if (endMs !== -Infinity && accept(series, endMs - this.#paneMs)) newest.push(series);
    }
    for (let row = 0; row < this.#older.rowCount && newest.length + older.length < rowsMax; row++) {
      if (accept(this.#older.seriesOf(row), this.#older.startMsOf(row))) older.push(row);
    }
    const rows = this.#rowsOf(newest, older, labelsOf);
    for (const series of newest) this.#clearNewest(series);
    if (older.length === this.#older.rowCount) this.#older.clear();
    // From the end, so that the row that takes a removed one's place is never one to be removed.
    else for (let at = older.length - 1; at >= 0; at--) this.#older.remove(older[at]);
    for (let row = 0; row < rows.rowCount; row++)
      this.#readingCount -= readingCountOfRow(this.layout, rows.state, row * this.layout.stride);
    return rows;
  }

  /**
   * The panes that have changed since the last call (or since the start), whole and to the bit, by series, then start;
   * they stay open. What `take` has removed is not among them.
   */
  checkpoint(labelsOf: (series: number) => Labels): PaneRows {
    const newest: number[] = [];
    const older: number[] = [];
    for (let series = 0; series < this.#endMs.length; series++)
      if (this.#isChanged[series] === 1) newest.push(series);
    for (let row = 0; row < this.#older.rowCount; row++) {
      if (!this.#older.isChanged(row)) continue;
      this.#older.setChanged(row, false);
      older.push(row);
    }
    this.#isChanged.fill(0);
    return this.#rowsOf(newest, older, labelsOf);
  }

  #addOne(series: number): boolean {
    const timeMs = this.#one[0];
    const value = this.#one[1];
    const endMs = series < this.#endMs.length ? this.#endMs[series] : -Infinity;
    if (!(timeMs < endMs && timeMs >= endMs - this.#paneMs)) {
      const row = this.#rowFor(series, timeMs);
      if (row === "refused") return false;
      if (row !== "newest") {
        this.#addToOlder(row, timeMs, value);
        this.#readingCount++;
        return true;
      }
    }
    const counts = this.#counts;
    counts[series] = counts[series] + 1;
    // By name, one after another: a loop over a table of them, whose calls cannot be inlined, costs half the rate.
    if (this.#sums.length > 0) addSum(this.#sums, series * 2, value, timeMs);
    if (this.#mins.length > 0) addMin(this.#mins, series, value, timeMs);
    if (this.#maxs.length > 0) addMax(this.#maxs, series, value, timeMs);
    if (this.#means.length > 0) addMean(this.#means, series * 3, value, timeMs);
    for (let at = 0; at < this.#others.length; at++) {
      const index = this.#others[at];
      const other = this.layout.accumulators[index];
      other.add(this.#columns[index], series * other.width, value, timeMs);
    }
    for (let at = 0; at < this.#sketches.length; at++) this.#sketches[at][series]?.add(value, timeMs);
    this.#isChanged[series] = 1;
    this.#readingCount++;
    return true;
  }

  #addToOlder(row: number, timeMs: EventTimeMs, value: number): void {
    const { accumulators, offsets } = this.layout;
    const fields = this.#older.fieldsOf(row);
    const base = this.#older.baseOf(row);
    for (let index = 0; index < accumulators.length; index++)
      accumulators[index].add(fields, base + offsets[index], value, timeMs);
    for (const column of this.#older.sketches) column[row]?.add(value, timeMs);
    this.#older.setChanged(row, true);
  }

  /** Where the pane of a series at a time is, opened if need be. At the bound the reading is refused and counted. */
  #rowFor(series: number, timeMs: EventTimeMs): number | "newest" | "refused" {
    const startMs = Math.floor(timeMs / this.#paneMs) * this.#paneMs;
    const newestMs = series < this.#endMs.length ? this.#endMs[series] - this.#paneMs : -Infinity;
    const isTime = Number.isSafeInteger(startMs) && Number.isSafeInteger(startMs + this.#paneMs);
    if (isTime && startMs === newestMs) return "newest";
    const row = isTime ? this.#older.find(series, startMs) : -1;
    if (row >= 0) return row;
    if (!isTime || this.rowCount >= this.#rowsMax) {
      this.#refusedCount++;
      return "refused";
    }
    if (startMs < newestMs) return this.#openOlder(series, startMs);
    this.#openNewest(series, startMs);
    return "newest";
  }

  #openNewest(series: number, startMs: EventTimeMs): void {
    if (series >= this.#endMs.length) this.#grow(series);
    if (this.#endMs[series] === -Infinity) this.#newestCount++;
    else this.#moveToOlder(series);
    this.#endMs[series] = startMs + this.#paneMs;
    this.#isChanged[series] = 0;
    for (let index = 0; index < this.#columns.length; index++) {
      const identity = this.#identity[index];
      const column = this.#columns[index];
      const at = series * identity.length;
      // A handful of fields: quicker than a call of `set`.
      for (let field = 0; field < identity.length; field++) column[at + field] = identity[field];
    }
    for (const [index, kind] of this.layout.sketches.entries()) this.#sketches[index][series] = kind.create();
  }

  #openOlder(series: number, startMs: EventTimeMs): number {
    const row = this.#older.open(series, startMs);
    const { sketches } = this.layout;
    const fields = this.#older.fieldsOf(row);
    let at = this.#older.baseOf(row);
    for (const identity of this.#identity) for (const field of identity) fields[at++] = field;
    for (const [index, kind] of sketches.entries()) this.#older.sketches[index][row] = kind.create();
    return row;
  }

  #moveToOlder(series: number): void {
    const row = this.#older.open(series, this.#endMs[series] - this.#paneMs);
    this.#copyNewest(series, this.#older.fieldsOf(row), this.#older.baseOf(row));
    for (const [index, column] of this.#sketches.entries()) this.#older.sketches[index][row] = column[series];
    this.#older.setChanged(row, this.#isChanged[series] === 1);
  }

  #clearNewest(series: number): void {
    this.#endMs[series] = -Infinity;
    this.#isChanged[series] = 0;
    this.#newestCount--;
    for (const column of this.#sketches) column[series] = null;
  }

  #mergeRow(series: number, rows: PaneRows, from: number): void {
    const { accumulators, offsets, stride, sketches } = this.layout;
    const startMs = rows.startMs[from];
    const newestMs = series < this.#endMs.length ? this.#endMs[series] - this.#paneMs : -Infinity;
    const fromAt = from * stride;
    let row = startMs === newestMs ? -1 : this.#older.find(series, startMs);
    if (row >= 0 || startMs < newestMs) {
      const isNew = row < 0;
      if (isNew) row = this.#older.open(series, startMs);
      const fields = this.#older.fieldsOf(row);
      const base = this.#older.baseOf(row);
      if (isNew) fields.set(rows.state.subarray(fromAt, fromAt + stride), base);
      else
        for (let index = 0; index < accumulators.length; index++)
          accumulators[index].merge(fields, base + offsets[index], rows.state, fromAt + offsets[index]);
      for (let index = 0; index < sketches.length; index++)
        takeSketch(this.#older.sketches[index], row, rows.sketches[index][from], isNew);
      this.#older.setChanged(row, true);
      return;
    }
    const isNew = startMs > newestMs;
    if (isNew) this.#openNewest(series, startMs);
    for (let index = 0; index < accumulators.length; index++) {
      const { width } = accumulators[index];
      const at = fromAt + offsets[index];
      if (isNew) this.#columns[index].set(rows.state.subarray(at, at + width), series * width);
      else accumulators[index].merge(this.#columns[index], series * width, rows.state, at);
    }
    for (let index = 0; index < sketches.length; index++)
      takeSketch(this.#sketches[index], series, rows.sketches[index][from], isNew);
    this.#isChanged[series] = 1;
  }

  /** The newest pane's fields, as a row. */
  #copyNewest(series: number, fields: Float64Array, base: number): void {
    let at = base;
    for (let index = 0; index < this.#columns.length; index++) {
      const { width } = this.layout.accumulators[index];
      const column = this.#columns[index];
      for (let field = 0; field < width; field++) fields[at++] = column[series * width + field];
    }
  }

  /** Copies of the newest panes of these series, which ascend, and of these older rows. */
  #rowsOf(
    newest: readonly number[],
    olderRows: readonly number[],
    labelsOf: (series: number) => Labels,
  ): PaneRows {
    const panes = this.#older;
    const older = panes.sorted(olderRows);
    const rowCount = newest.length + older.length;
    const { stride } = this.layout;
    const series: Labels[] = [];
    const seriesIndex = new Uint32Array(rowCount);
    const startMs = new Float64Array(rowCount);
    const state = new Float64Array(rowCount * stride);
    const sketches = this.#sketches.map((): (Sketch | null)[] => []);
    let previous = -1;
    for (let row = 0, atNewest = 0, atOlder = 0; row < rowCount; row++) {
      const isOlder = atOlder < older.length && this.#isBefore(older[atOlder], newest[atNewest]);
      const from = isOlder ? older[atOlder++] : newest[atNewest++];
      const own = isOlder ? panes.seriesOf(from) : from;
      if (own !== previous) {
        previous = own;
        series.push(labelsOf(own));
      }
      seriesIndex[row] = series.length - 1;
      if (isOlder) {
        startMs[row] = panes.startMsOf(from);
        panes.copyTo(from, state, row * stride);
      } else {
        startMs[row] = this.#endMs[from] - this.#paneMs;
        this.#copyNewest(from, state, row * stride);
      }
      const columns = isOlder ? panes.sketches : this.#sketches;
      for (let index = 0; index < columns.length; index++)
        sketches[index].push(columns[index][from]?.copy() ?? null);
    }
    return {
      metric: this.metric,
      layout: this.layout,
      rowCount,
      series,
      seriesIndex,
      startMs,
      state,
      sketches,
    };
  }

  /** Whether an older row stands before the newest pane of a series, which is undefined behind the last. */
  #isBefore(row: number, series: number | undefined): boolean {
    const own = this.#older.seriesOf(row);
    if (series === undefined || own < series) return true;
    return own === series && this.#older.startMsOf(row) < this.#endMs[series] - this.#paneMs;
  }

  #grow(series: number): void {
    const capacity = Math.max(SERIES_FIRST, 2 ** Math.ceil(Math.log2(series + 1)));
    const endMs = new Float64Array(capacity).fill(-Infinity);
    endMs.set(this.#endMs);
    this.#endMs = endMs;
    const isChanged = new Uint8Array(capacity);
    isChanged.set(this.#isChanged);
    this.#isChanged = isChanged;
    const { accumulators } = this.layout;
    this.#columns = accumulators.map(({ width }, index) => {
      const column = new Float64Array(capacity * width);
      column.set(this.#columns[index]);
      return column;
    });
    const columnOf = (wanted: Accumulator) => this.#columns[accumulators.indexOf(wanted)] ?? NONE;
    this.#counts = columnOf(count);
    this.#sums = columnOf(sum);
    this.#mins = columnOf(min);
    this.#maxs = columnOf(max);
    this.#means = columnOf(mean);
  }
}

function takeSketch(sketches: (Sketch | null)[], at: number, from: Sketch | null, isNew: boolean): void {
  if (isNew) sketches[at] = from?.copy() ?? null;
  else mergeSketch(sketches, at, from);
}
