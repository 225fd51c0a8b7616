import type { ReadingColumns } from "@millrace/stream";
import { GROUP, KeyCells, type NumberBytes, scaleFor } from "./key-cells.ts";

const FIRST_CAPACITY = 8;
/** Fewer are no longer for having groups. */
const GROUPED_ROOM_MIN = 4 * GROUP;
const KINDS: readonly NumberBytes[] = [2, 4, 8];

/**
 * The keys of one series, ascending by time, in a ring: in order a key costs one write, the oldest leave without a copy. What
 * stands in a key stands together, for where readings of many series come in turns each key is in no cache. When it grows the ring
 * has room for an eighth to a quarter more than it holds, at any time at most for twice as many.
 *
 * A key takes 6.75 bytes where the series speaks every two seconds or more often and its values have a few decimals, else 12.75,
 * or 24 (`KeyCells`). A ring that holds a key that takes more has room for all as large, until it has gone round once.
 */
export class KeyRing {
  readonly #spare: number;
  #cells = new KeyCells(FIRST_CAPACITY, 4, 1);
  #head = 0;
  /** Where the next key goes. */
  #tail = 0;
  #count = 0;
  /** The entries ascend, as where readings come in order: the first tells of all. */
  #areEntriesInOrder = true;

  /** `spread`, from 0 to 1: how far this one grows ahead, so that the rings of series that speak in step do not all grow at once. */
  constructor(spread: number) {
    this.#spare = (1 + spread) / 8;
  }

  get count(): number {
    return this.#count;
  }

  get capacity(): number {
    return this.#cells.capacity;
  }

  /** Of its keys and the room for more. */
  get bytes(): number {
    return this.#cells.bytes;
  }

  timeAt(place: number): number {
    return this.#cells.timeAt(this.#cell(place));
  }

  valueAt(place: number): number {
    return this.#cells.valueAt(this.#cell(place));
  }

  append(timeMs: number, value: number, entry: number): void {
    if (this.#tail % GROUP === 0 || this.#count === this.#cells.capacity)
      this.#enterGroup(timeMs, value, entry);
    if (!this.#cells.put(this.#tail, timeMs, value, entry)) return this.#appendOdd(timeMs, value, entry);
    this.#advance(1);
  }

  /** The first `count` of these. */
  appendRun({ timeMs, value }: Omit<ReadingColumns, "series">, count: number, entry: number): void {
    if (this.#count + count > this.#room) this.#resize(count);
    for (let at = 0; at < count;) {
      // The entry is within reach of the first, so it is for all of its group.
      this.append(timeMs[at], value[at], entry);
      at += 1;
      if (this.#tail % GROUP === 0) continue;
      const end = Math.min(count, at + this.capacity - this.#count);
      const ran = this.#cells.putRun(this.#tail, { timeMs, value }, { from: at, end, entry });
      this.#advance(ran);
      at += ran;
    }
  }

  /** Puts the key before the one that stands at `place`. */
  insert(place: number, timeMs: number, value: number, entry: number): void {
    if (place === this.#count) return this.append(timeMs, value, entry);
    const last = this.#count - 1;
    // Twice there, the last one makes room: at each moment there is a key in each place.
    this.append(this.timeAt(last), this.valueAt(last), this.#entryAt(last));
    for (let at = last; at > place;) {
      const cell = this.#cell(at);
      const inGroup = Math.min(at - place, cell % GROUP);
      if (inGroup > 0) this.#cells.moveUp(cell - inGroup, cell);
      else this.#put(at, this.timeAt(at - 1), this.valueAt(at - 1), this.#entryAt(at - 1));
      at -= Math.max(1, inGroup);
    }
    this.#put(place, timeMs, value, entry);
    this.#areEntriesInOrder = false;
  }

  dropFirst(count: number): void {
    this.#head = (this.#head + count) % this.capacity;
    this.#count -= count;
    if (this.#count < this.capacity / 2 && this.capacity > 2 * FIRST_CAPACITY) this.#resize(0);
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
    if (this.#count === 0 || (this.#areEntriesInOrder && this.#entryAt(0) > last)) return;
    this.#areEntriesInOrder = true;
    for (let place = 0, before = 0; place < this.#count; place += 1) {
      if (this.#entryAt(place) <= last) {
        const [timeMs, value] = [this.timeAt(place), this.valueAt(place)];
        take(timeMs, value);
        this.#put(place, timeMs, value, next);
      }
      const entry = this.#entryAt(place);
      if (entry < before) this.#areEntriesInOrder = false;
      before = entry;
    }
  }

  /** As many as it can hold. Small numbers cannot tell the oldest and the newest in one group: one is kept free between them. */
  get #room(): number {
    return this.#cells.numberBytes === 2 ? this.capacity - GROUP : this.capacity;
  }

  #cell(place: number): number {
    const at = this.#head + place;
    return at < this.capacity ? at : at - this.capacity;
  }

  #entryAt(place: number): number {
    return this.#cells.entryAt(this.#cell(place));
  }

  /** So many keys more. */
  #advance(count: number): void {
    const tail = this.#tail + count;
    this.#tail = tail === this.#cells.capacity ? 0 : tail;
    this.#count += count;
  }

  /** The next key begins a group, or there is no room. */
  #enterGroup(timeMs: number, value: number, entry: number): void {
    if (this.#count >= this.#room) this.#resize(1);
    if (this.#tail === 0 && this.#count > 0) this.#narrow();
    if (this.#tail % GROUP === 0 && this.#count + GROUP <= this.capacity)
      this.#cells.beginGroup(this.#tail, timeMs, value, entry);
  }

  #appendOdd(timeMs: number, value: number, entry: number): void {
    this.#widen(value);
    this.append(timeMs, value, entry);
  }

  #put(place: number, timeMs: number, value: number, entry: number): void {
    while (!this.#cells.put(this.#cell(place), timeMs, value, entry)) this.#widen(value);
  }

  /** To a value that does not fit: a larger scale, or larger numbers, for all. */
  #widen(value: number): void {
    const { numberBytes, scale } = this.#cells;
    const wanted = scaleFor(value, scale);
    const kinds = KINDS.filter((bytes) => (wanted === scale ? bytes > numberBytes : bytes >= numberBytes));
    this.#rebuild(Math.max(this.#room, this.#count), wanted, kinds);
  }

  /** What took more may be gone. */
  #narrow(): void {
    const { numberBytes } = this.#cells;
    const kinds = KINDS.filter((bytes) => bytes < numberBytes);
    if (kinds.length > 0) this.#rebuild(this.#room, this.#leastScale(), kinds);
  }

  /** Room for so many more, in as small numbers as may be. */
  #resize(more: number): void {
    const wanted = this.#count + more;
    const room = wanted + Math.max(FIRST_CAPACITY, Math.floor(wanted * this.#spare));
    if (!this.#grow(room)) this.#rebuild(room, this.#leastScale(), KINDS);
  }

  /** Keys in the smallest numbers, in whole groups side by side, need not be put one by one: the rings of many series grow at once. */
  #grow(room: number): boolean {
    const isTogether = this.#head % GROUP === 0 && this.#head + this.#count <= this.capacity;
    if (room < this.capacity || this.#cells.numberBytes > 2 || !isTogether) return false;
    this.#moveTo(this.#cells.moved(this.#head, this.#count, room + GROUP));
    return true;
  }

  #moveTo(cells: KeyCells): void {
    this.#cells.free();
    this.#cells = cells;
    this.#head = 0;
    this.#tail = this.#count % cells.capacity;
  }

  /** Of all its values; undefined where one has too many decimals. */
  #leastScale(): number | undefined {
    let scale: number | undefined = 1;
    for (let place = 0; place < this.#count && scale !== undefined; place += 1)
      scale = scaleFor(this.valueAt(place), scale);
    return scale;
  }

  /** The keys from the first cell on, in numbers of the first of these kinds in which all of them fit; where there is none, all is as it was. */
  #rebuild(room: number, scale: number | undefined, kinds: readonly NumberBytes[]): void {
    for (const numberBytes of kinds) {
      const cells = this.#inCells(room, scale, numberBytes);
      if (cells === undefined) continue;
      return this.#moveTo(cells);
    }
  }

  #inCells(room: number, scale: number | undefined, numberBytes: NumberBytes): KeyCells | undefined {
    if (numberBytes === 8) scale = 1;
    if (scale === undefined || (numberBytes === 2 && room < GROUPED_ROOM_MIN)) return undefined;
    const cells = new KeyCells(room + (numberBytes === 2 ? GROUP : 0), numberBytes, scale);
    for (let place = 0; place < this.#count; place += 1) {
      const [timeMs, value, entry] = [this.timeAt(place), this.valueAt(place), this.#entryAt(place)];
      if (place % GROUP === 0) cells.beginGroup(place, timeMs, value, entry);
      if (!cells.put(place, timeMs, value, entry)) return undefined;
    }
    return cells;
  }
}
