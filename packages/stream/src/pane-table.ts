import type { Accumulator, ReadingRun } from "./accumulator.ts";
import { addBeside } from "./accumulators/beside.ts";
import type { BesideKind } from "./accumulators/beside.ts";
import { ACCUMULATORS } from "./accumulators/table.ts";
import { assert } from "./assert.ts";
import type { EventTimeMs } from "./event-time.ts";
import type { PaneLayout } from "./pane-layout.ts";
import type { PaneRows } from "./pane-rows.ts";
import { PaneSlots, REFUSED } from "./pane-slots.ts";
import type { ReadingColumns } from "./reading-columns.ts";
import { readingCountOfRow } from "./reading-count.ts";
import type { Labels } from "./series.ts";
import type { SketchSlots } from "./sketch-slots.ts";
import { sketchSlots } from "./sketches/slots.ts";

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
const SLOTS_FIRST = 64;
/** Readings that are added by one accumulator after the other: few enough that they stay in the processor's first cache. */
const BLOCK = 2_048;

/**
 * The open panes of one metric at an agent: what each has gained and not yet handed over. They stand in a structure of
 * arrays, one array an accumulator, each pane at its slot (`PaneSlots`): a reading costs two look-ups and no
 * allocation, whether it comes in order or not. Series are small dense indices, given by the caller.
 */
export class PaneTable {
  readonly metric: string;
  readonly layout: PaneLayout;
  readonly #slots: PaneSlots;
  readonly #rowsMax: number;
  readonly #identity: readonly Float64Array[];
  /** Indices of the accumulators that are not usual. */
  readonly #others: readonly number[];

  /** For each accumulator of the layout its states, by slot. */
  readonly #columns: Float64Array[];
  /** For each sketch of the layout. */
  readonly #sketches: readonly SketchSlots[];
  /** Of the usual accumulators once more; empty where the metric does not ask for one. */
  #counts = NONE;
  #sums = NONE;
  #mins = NONE;
  #maxs = NONE;
  #means = NONE;
  #besides = NONE;
  /** By slot: readings and notes in the pane at the last checkpoint; -1 where it was in none. */
  #known = new Float64Array(SLOTS_FIRST);
  /** Slots that all columns have room for. */
  #capacity = SLOTS_FIRST;
  /** Columns that have room for twice as many. */
  #grownCount = 0;
  /** Of the batch at hand, by reading. */
  #places = new Uint32Array(0);
  /** Time and value of the reading that `add` was given. */
  readonly #one = new Float64Array(2);
  #readingCount = 0;

  constructor(metric: string, layout: PaneLayout, { rowsMax }: PaneTableOptions) {
    this.metric = metric;
    this.layout = layout;
    this.#rowsMax = rowsMax;
    this.#slots = new PaneSlots({
      paneMs: layout.paneMs,
      panesMax: rowsMax,
      onOpen: (slot) => this.#empty(slot),
    });
    this.#identity = layout.accumulators.map((accumulator) => {
      const state = new Float64Array(accumulator.width);
      accumulator.identity(state, 0);
      return state;
    });
    this.#others = [...layout.accumulators.keys()].filter(
      (index) => !USUAL.includes(layout.accumulators[index]),
    );
    this.#columns = layout.accumulators.map(({ width }) => new Float64Array(SLOTS_FIRST * width));
    this.#sketches = layout.sketches.map(sketchSlots);
    this.#nameColumns();
  }

  get rowCount(): number {
    return this.#slots.openCount;
  }

  /** Readings in the open panes: added, uncertain and bad. */
  get readingCount(): number {
    return this.#readingCount;
  }

  /** Readings refused because `rowsMax` panes were open, their value is not finite, or their time is no whole number of ms. */
  get refusedCount(): number {
    return this.#slots.refusedCount;
  }

  /** Whether so many readings can be added, wherever they belong. */
  hasRoomFor(readingCount: number): boolean {
    return this.#slots.openCount + readingCount <= this.#rowsMax;
  }

  /** Adds a good reading to its pane. False, and counted, where it is refused. */
  add(series: number, timeMs: EventTimeMs, value: number): boolean {
    // Not as arguments: numbers that are handed to a function too long to be inlined are each put on the heap.
    this.#one[0] = timeMs;
    this.#one[1] = value;
    return this.#addOne(series);
  }

  /** Adds good readings, one after another; returns how many were taken. */
  addBatch({ count: readingCount, series, timeMs, value }: ReadingColumns): number {
    if (!areReadings(timeMs, value, readingCount)) {
      let taken = 0;
      for (let at = 0; at < readingCount; at++) if (this.add(series[at], timeMs[at], value[at])) taken++;
      return taken;
    }
    if (this.#places.length < readingCount) this.#places = new Uint32Array(readingCount);
    const place = this.#places;
    const refusedBefore = this.refusedCount;
    for (let from = 0; from < readingCount; from += BLOCK) {
      const to = Math.min(from + BLOCK, readingCount);
      this.#slots.atEach(series, timeMs, place, from, to);
      this.#addRun({ place, timeMs, value }, from, to);
    }
    const taken = readingCount - (this.refusedCount - refusedBefore);
    this.#readingCount += taken;
    return taken;
  }

  /** The same for readings of one series: those that follow each other into one pane go there at once. */
  addSeries(series: number, { count: readingCount, timeMs, value }: Omit<ReadingColumns, "series">): number {
    if (!areReadings(timeMs, value, readingCount)) {
      let taken = 0;
      for (let at = 0; at < readingCount; at++) if (this.add(series, timeMs[at], value[at])) taken++;
      return taken;
    }
    if (this.#places.length < readingCount) this.#places = new Uint32Array(readingCount);
    const run = { place: this.#places, timeMs, value };
    let taken = 0;
    for (let from = 0, to = 0; from < readingCount; from = to) {
      const slot = this.#slots.at(series, timeMs[from]);
      to = slot === REFUSED ? from + 1 : this.#slots.endOfStretch(slot, timeMs, from + 1, readingCount);
      if (slot === REFUSED) continue;
      this.#addAll(slot, run, from, to);
      taken += to - from;
    }
    this.#readingCount += taken;
    return taken;
  }

  /**
   * Counts a reading beside its pane. `uncertain` and `bad` ones are not to be added too; `undeduplicated` is a note on
   * a reading that was added (or counted uncertain or bad) by a call of its own.
   */
  addBeside(series: number, timeMs: EventTimeMs, kind: BesideKind): boolean {
    const slot = this.#slots.at(series, timeMs);
    if (slot === REFUSED) return false;
    addBeside(this.#besides, slot * beside.width, kind);
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
  take(labelsOf: (series: number) => Labels, { accept = () => true, rowsMax }: TakeOptions = {}): PaneRows {
    const slots = this.#slots.select(
      (slot) => accept(this.#slots.seriesOf(slot), this.#slots.startMsOf(slot)),
      rowsMax,
    );
    const rows = this.#rowsOf(slots, labelsOf);
    for (const slot of slots) this.#slots.close(slot);
    for (const sketches of this.#sketches) for (const slot of slots) sketches.close(slot);
    for (let row = 0; row < rows.rowCount; row++)
      this.#readingCount -= readingCountOfRow(this.layout, rows.state, row * this.layout.stride);
    return rows;
  }

  /**
   * The panes that have changed since the last call (or since the start), whole and to the bit, by series, then start;
   * they stay open. What `take` has removed is not among them. `isWhole`: those that have not changed, too.
   */
  checkpoint(labelsOf: (series: number) => Labels, { isWhole = false } = {}): PaneRows {
    const changed = this.#slots.select((slot) => isWhole || this.#changeCount(slot) !== this.#known[slot]);
    for (const slot of changed) this.#known[slot] = this.#changeCount(slot);
    return this.#rowsOf(changed, labelsOf);
  }

  #addOne(series: number): boolean {
    const timeMs = this.#one[0];
    const value = this.#one[1];
    const isReading = value - value === 0 && Math.floor(timeMs) === timeMs;
    const slot = isReading ? this.#slots.at(series, timeMs) : this.#slots.refuse();
    if (slot === REFUSED) return false;
    this.#counts[slot] = this.#counts[slot] + 1;
    // By name, one after another: a loop over a table of them, whose calls cannot be inlined, costs half the rate.
    if (this.#sums.length > 0) addSum(this.#sums, slot * 2, value, timeMs);
    if (this.#mins.length > 0) addMin(this.#mins, slot, value, timeMs);
    if (this.#maxs.length > 0) addMax(this.#maxs, slot, value, timeMs);
    if (this.#means.length > 0) addMean(this.#means, slot * 3, value, timeMs);
    for (let at = 0; at < this.#others.length; at++) {
      const index = this.#others[at];
      const other = this.layout.accumulators[index];
      other.add(this.#columns[index], slot * other.width, value, timeMs);
    }
    for (let at = 0; at < this.#sketches.length; at++) this.#sketches[at].add(slot, value, timeMs);
    this.#readingCount++;
    return true;
  }

  /** What was refused is added to the state of REFUSED, which nobody reads: no branch for it. */
  #addRun(run: ReadingRun, from: number, to: number): void {
    const { accumulators } = this.layout;
    const { place, timeMs, value } = run;
    for (let index = 0; index < accumulators.length; index++) {
      const accumulator = accumulators[index];
      const column = this.#columns[index];
      if (accumulator.addRun !== undefined) {
        accumulator.addRun(column, run, from, to);
        continue;
      }
      for (let at = from; at < to; at++)
        accumulator.add(column, place[at] * accumulator.width, value[at], timeMs[at]);
    }
    for (const sketches of this.#sketches) sketches.addRun(run, from, to);
  }

  #addAll(slot: number, run: ReadingRun, from: number, to: number): void {
    const { accumulators } = this.layout;
    const { timeMs, value } = run;
    for (let index = 0; index < accumulators.length; index++) {
      const accumulator = accumulators[index];
      const column = this.#columns[index];
      const place = slot * accumulator.width;
      if (accumulator.addAll !== undefined) accumulator.addAll(column, place, run, from, to);
      else for (let at = from; at < to; at++) accumulator.add(column, place, value[at], timeMs[at]);
    }
    if (this.#sketches.length === 0) return;
    run.place.fill(slot, from, to);
    for (const sketches of this.#sketches) sketches.addRun(run, from, to);
  }

  /** Whatever is added to a pane makes it greater: no mark has to be set for each reading. */
  #changeCount(slot: number): number {
    const at = slot * beside.width;
    return this.#counts[slot] + this.#besides[at] + this.#besides[at + 1] + this.#besides[at + 2];
  }

  #mergeRow(series: number, rows: PaneRows, from: number): void {
    const { accumulators, offsets, stride, sketches } = this.layout;
    const { slot, isNew } = this.#slots.open(series, rows.startMs[from]);
    this.#known[slot] = -1;
    for (let index = 0; index < accumulators.length; index++) {
      const { width } = accumulators[index];
      const at = from * stride + offsets[index];
      if (isNew) this.#columns[index].set(rows.state.subarray(at, at + width), slot * width);
      else accumulators[index].merge(this.#columns[index], slot * width, rows.state, at);
    }
    for (let index = 0; index < sketches.length; index++) {
      // Into a new one: the same sketch.
      this.#sketches[index].merge(slot, rows.sketches[index][from]);
    }
  }

  /** Copies of these panes. */
  #rowsOf(slots: readonly number[], labelsOf: (series: number) => Labels): PaneRows {
    const { accumulators, offsets, stride } = this.layout;
    const rowCount = slots.length;
    const series: Labels[] = [];
    const seriesIndex = new Uint32Array(rowCount);
    const startMs = new Float64Array(rowCount);
    const state = new Float64Array(rowCount * stride);
    let previous = -1;
    for (let row = 0; row < rowCount; row++) {
      const own = this.#slots.seriesOf(slots[row]);
      if (own !== previous) series.push(labelsOf(own));
      previous = own;
      seriesIndex[row] = series.length - 1;
      startMs[row] = this.#slots.startMsOf(slots[row]);
    }
    for (let index = 0; index < accumulators.length; index++) {
      const { width } = accumulators[index];
      const column = this.#columns[index];
      for (let row = 0, at = offsets[index]; row < rowCount; row++, at += stride)
        for (let field = 0; field < width; field++) state[at + field] = column[slots[row] * width + field];
    }
    const sketches = this.#sketches.map((own) => slots.map((slot) => own.at(slot)));
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

  #empty(slot: number): void {
    this.#makeRoom(slot);
    this.#known[slot] = -1;
    for (let index = 0; index < this.#columns.length; index++) {
      const identity = this.#identity[index];
      const column = this.#columns[index];
      const at = slot * identity.length;
      // A handful of fields: quicker than a call of `set`.
      for (let field = 0; field < identity.length; field++) column[at + field] = identity[field];
    }
    for (let index = 0; index < this.#sketches.length; index++) this.#sketches[index].open(slot);
  }

  /** The last quarter of the room is the time to make more, one column after the other: copying all at once would be a pause. */
  #makeRoom(slot: number): void {
    const columns = this.#columns;
    const dueCount = Math.ceil((slot / this.#capacity - 0.75) * 4 * columns.length);
    if (this.#grownCount >= dueCount) return;
    while (this.#grownCount < dueCount) {
      const column = new Float64Array(columns[this.#grownCount].length * 2);
      column.set(columns[this.#grownCount]);
      columns[this.#grownCount++] = column;
    }
    this.#nameColumns();
    if (this.#grownCount < columns.length) return;
    this.#capacity *= 2;
    this.#grownCount = 0;
    const known = new Float64Array(this.#capacity);
    known.set(this.#known);
    this.#known = known;
  }

  #nameColumns(): void {
    const columnOf = (wanted: Accumulator) => this.#columns[this.layout.accumulators.indexOf(wanted)] ?? NONE;
    this.#counts = columnOf(count);
    this.#sums = columnOf(sum);
    this.#mins = columnOf(min);
    this.#maxs = columnOf(max);
    this.#means = columnOf(mean);
    this.#besides = columnOf(beside);
  }
}

/**
 * Whether all values are finite and all times whole numbers: one that is not leaves a sum that is not 0. No branches, and four
 * sums, so that no addition waits for the one before.
 */
function areReadings(timeMs: Float64Array, value: Float64Array, count: number): boolean {
  let [even, odd, evenRest, oddRest] = [0, 0, 0, 0];
  let at = 0;
  for (; at + 1 < count; at += 2) {
    even += value[at] - value[at];
    odd += value[at + 1] - value[at + 1];
    evenRest += timeMs[at] - Math.floor(timeMs[at]);
    oddRest += timeMs[at + 1] - Math.floor(timeMs[at + 1]);
  }
  if (at < count) even += value[at] - value[at] + timeMs[at] - Math.floor(timeMs[at]);
  return even + odd + evenRest + oddRest === 0;
}
