import type { ReadingColumns } from "@millrace/stream";

const FIRST_CAPACITY = 8;
/** Numbers of a key: source time, value, and the number of the redo entry that the reading stands in. */
const STRIDE = 3;
const VALUE = 1;
const ENTRY = 2;

/**
 * The keys of one series, ascending by time, in a ring: in order a key costs one write, the oldest leave without a copy. A key
 * takes 24 bytes, which stand together, for where readings of many series come in turns each key is in no cache. The ring
 * has room for a quarter more than it holds, at most for twice as many.
 */
export class KeyRing {
  #cells = new Float64Array(FIRST_CAPACITY * STRIDE);
  #capacity = FIRST_CAPACITY;
  #head = 0;
  #count = 0;
  /** The entries ascend, as where readings come in order: the first tells of all. */
  #areEntriesInOrder = true;

  get count(): number {
    return this.#count;
  }

  get capacity(): number {
    return this.#capacity;
  }

  timeAt(place: number): number {
    return this.#cells[this.#cell(place)];
  }

  valueAt(place: number): number {
    return this.#cells[this.#cell(place) + VALUE];
  }

  append(timeMs: number, value: number, entry: number): void {
    if (this.#count === this.#capacity) this.#resize(1);
    this.#put(this.#cell(this.#count), timeMs, value, entry);
    this.#count += 1;
  }

  /** The first `count` of these. */
  appendRun({ timeMs, value }: Omit<ReadingColumns, "series">, count: number, entry: number): void {
    if (this.#count + count > this.#capacity) this.#resize(count);
    const cells = this.#cells;
    let cell = this.#cell(this.#count);
    for (let at = 0; at < count; at += 1) {
      if (cell === cells.length) cell = 0;
      cells[cell] = timeMs[at];
      cells[cell + VALUE] = value[at];
      cells[cell + ENTRY] = entry;
      cell += STRIDE;
    }
    this.#count += count;
  }

  /** Puts the key before the one that stands at `place`. */
  insert(place: number, timeMs: number, value: number, entry: number): void {
    if (place === this.#count) return this.append(timeMs, value, entry);
    if (this.#count === this.#capacity) this.#resize(1);
    const cell = this.#cell(place);
    this.#moveUp(cell, this.#cell(this.#count));
    this.#put(cell, timeMs, value, entry);
    this.#count += 1;
    this.#areEntriesInOrder = false;
  }

  dropFirst(count: number): void {
    this.#head = (this.#head + count) % this.#capacity;
    this.#count -= count;
    if (this.#count < this.#capacity / 2 && this.#capacity > 2 * FIRST_CAPACITY) this.#resize(0);
  }

  /** Place of the first key at that time or later. */
  firstAtOrAfter(timeMs: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timeAt(middle) < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Gives each key that stands in an entry up to `last`, and takes it to stand in entry `next` from now on. */
  carry(last: number, next: number, take: (timeMs: number, value: number) => void): void {
    const cells = this.#cells;
    if (this.#count === 0 || (this.#areEntriesInOrder && cells[this.#cell(0) + ENTRY] > last)) return;
    this.#areEntriesInOrder = true;
    for (let place = 0, before = 0; place < this.#count; place += 1) {
      const cell = this.#cell(place);
      if (cells[cell + ENTRY] <= last) {
        take(cells[cell], cells[cell + VALUE]);
        cells[cell + ENTRY] = next;
      }
      if (cells[cell + ENTRY] < before) this.#areEntriesInOrder = false;
      before = cells[cell + ENTRY];
    }
  }

  #cell(place: number): number {
    const at = this.#head + place;
    return (at < this.#capacity ? at : at - this.#capacity) * STRIDE;
  }

  #put(cell: number, timeMs: number, value: number, entry: number): void {
    this.#cells[cell] = timeMs;
    this.#cells[cell + VALUE] = value;
    this.#cells[cell + ENTRY] = entry;
  }

  /** Room for so many more. */
  #resize(more: number): void {
    const wanted = this.#count + more;
    const capacity = wanted + Math.max(FIRST_CAPACITY, wanted >>> 2);
    const cells = new Float64Array(capacity * STRIDE);
    const untilEnd = Math.min(this.#count, this.#capacity - this.#head);
    cells.set(this.#cells.subarray(this.#head * STRIDE, (this.#head + untilEnd) * STRIDE));
    cells.set(this.#cells.subarray(0, (this.#count - untilEnd) * STRIDE), untilEnd * STRIDE);
    this.#cells = cells;
    this.#capacity = capacity;
    this.#head = 0;
  }

  /** What stands from `from` up to `end`, where nothing is, moves one place up. */
  #moveUp(from: number, end: number): void {
    const cells = this.#cells;
    if (from <= end) {
      cells.copyWithin(from + STRIDE, from, end);
      return;
    }
    const last = cells.length - STRIDE;
    cells.copyWithin(STRIDE, 0, end);
    cells.copyWithin(0, last, cells.length);
    cells.copyWithin(from + STRIDE, from, last);
  }
}
