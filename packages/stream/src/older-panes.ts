import type { EventTimeMs } from "./event-time.ts";
import type { PaneLayout } from "./pane-layout.ts";
import { readingCountOfRow } from "./reading-count.ts";
import type { Sketch } from "./sketch.ts";

const ROWS_FIRST = 64;
/** Rows of one segment of the state: a great table grows by another one, instead of copying what it has. */
const SEGMENT_SHIFT = 12;
const SEGMENT_ROWS = 2 ** SEGMENT_SHIFT;
const SEGMENT_MASK = SEGMENT_ROWS - 1;

/**
 * Open panes behind the newest of their series, found by (series, start): rows in no order, without gaps. They wait for
 * the watermark and take what comes late. Row numbers hold until the next `remove`.
 */
export class OlderPanes {
  readonly #layout: PaneLayout;
  #rowCount = 0;
  #series = new Uint32Array(ROWS_FIRST);
  #startMs = new Float64Array(ROWS_FIRST);
  #isChanged = new Uint8Array(ROWS_FIRST);
  /** Row `r` begins at `(r & SEGMENT_MASK) * stride` of segment `r >>> SEGMENT_SHIFT`. */
  readonly #segments: Float64Array[];
  /** For each of the layout's sketches, that of each row. */
  readonly sketches: readonly (Sketch | null)[][];
  /** Open addressing over (series, start): row + 1, or 0. Twice the rows at least, so a free slot is near. */
  #slots = new Int32Array(ROWS_FIRST * 2);

  constructor(layout: PaneLayout) {
    this.#layout = layout;
    this.#segments = [new Float64Array(ROWS_FIRST * layout.stride)];
    this.sketches = layout.sketches.map(() => []);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  seriesOf(row: number): number {
    return this.#series[row];
  }

  startMsOf(row: number): EventTimeMs {
    return this.#startMs[row];
  }

  isChanged(row: number): boolean {
    return this.#isChanged[row] === 1;
  }

  setChanged(row: number, isChanged: boolean): void {
    this.#isChanged[row] = isChanged ? 1 : 0;
  }

  /** The array that holds the row's fields, from `baseOf(row)` on. */
  fieldsOf(row: number): Float64Array {
    return this.#segments[row >>> SEGMENT_SHIFT];
  }

  baseOf(row: number): number {
    return (row & SEGMENT_MASK) * this.#layout.stride;
  }

  readingCountOf(row: number): number {
    return readingCountOfRow(this.#layout, this.fieldsOf(row), this.baseOf(row));
  }

  /** The rows by series, then start. */
  sorted(rows: readonly number[]): number[] {
    const series = this.#series;
    const startMs = this.#startMs;
    return rows.toSorted((a, b) => series[a] - series[b] || startMs[a] - startMs[b]);
  }

  /** Copies the row's fields to where another row of the same layout begins. */
  copyTo(row: number, into: Float64Array, base: number): void {
    const fields = this.fieldsOf(row);
    const from = this.baseOf(row);
    const { stride } = this.#layout;
    // A row is a handful of fields: quicker than a call of `set`.
    for (let field = 0; field < stride; field++) into[base + field] = fields[from + field];
  }

  /** The row of a pane, or -1. */
  find(series: number, startMs: EventTimeMs): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(series, startMs) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] - 1;
      if (row < 0) return -1;
      if (this.#series[row] === series && this.#startMs[row] === startMs) return row;
    }
  }

  /** A row for a pane that has none; its fields and sketches are for the caller to set. */
  open(series: number, startMs: EventTimeMs): number {
    if (this.#rowCount === this.#startMs.length) this.#grow();
    const row = this.#rowCount++;
    this.#series[row] = series;
    this.#startMs[row] = startMs;
    this.#isChanged[row] = 1;
    this.#index(row);
    return row;
  }

  /** The last row takes its place. */
  remove(row: number): void {
    const from = this.#rowCount - 1;
    this.#freeSlot(this.#slotOf(row));
    if (row !== from) {
      this.#slots[this.#slotOf(from)] = row + 1;
      this.#series[row] = this.#series[from];
      this.#startMs[row] = this.#startMs[from];
      this.#isChanged[row] = this.#isChanged[from];
      this.copyTo(from, this.fieldsOf(row), this.baseOf(row));
      for (const column of this.sketches) column[row] = column[from];
    }
    for (const column of this.sketches) column.length = from;
    this.#rowCount = from;
  }

  clear(): void {
    this.#rowCount = 0;
    this.#slots.fill(0);
    for (const column of this.sketches) column.length = 0;
  }

  #index(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(this.#series[row], this.#startMs[row]) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  #slotOf(row: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(this.#series[row], this.#startMs[row]) & mask;
    while (this.#slots[slot] !== row + 1) slot = (slot + 1) & mask;
    return slot;
  }

  /** Mixes series and pane number (murmur3's finalizer), so that neighbours land apart. */
  #hash(series: number, startMs: EventTimeMs): number {
    let hash = Math.imul(series, 0x9e3779b1) ^ ((startMs / this.#layout.paneMs) | 0);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  /** Frees a slot and draws those that probed past it near, so that none is cut off (Knuth 6.4, algorithm R). */
  #freeSlot(free: number): void {
    const mask = this.#slots.length - 1;
    let hole = free;
    for (let slot = (free + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] - 1;
      const home = this.#hash(this.#series[row], this.#startMs[row]) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#slots[hole] = row + 1;
      hole = slot;
    }
    this.#slots[hole] = 0;
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
    const { stride } = this.#layout;
    if (capacity <= SEGMENT_ROWS) {
      const first = new Float64Array(capacity * stride);
      first.set(this.#segments[0]);
      this.#segments[0] = first;
    }
    while (this.#segments.length * SEGMENT_ROWS < capacity)
      this.#segments.push(new Float64Array(SEGMENT_ROWS * stride));
    this.#slots = new Int32Array(capacity * 2);
    for (let row = 0; row < this.#rowCount; row++) this.#index(row);
  }
}
