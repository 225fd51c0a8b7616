import type { ReadingColumns } from "@millrace/stream";

const FIRST_CAPACITY = 8;
/** Numbers of a key: source time, value, and the number of the redo entry that the reading stands in. */
const STRIDE = 3;
const VALUE = 1;
const ENTRY = 2;
/** Values with more decimals are kept as they are. */
const SCALE_MAX = 1e6;
const NO_CELLS = new Int32Array(0);

/**
 * The keys of one series, ascending by time, in a ring: in order a key costs one write, the oldest leave without a copy. What
 * stands in a key stands together, for where readings of many series come in turns each key is in no cache. The ring has room
 * for a quarter more than it holds, at most for twice as many.
 *
 * A key takes 12 bytes where times are whole ms and values have a few decimals: i32 each of the ms since `#baseMs`, the value
 * times `#scale`, the entries since `#baseEntry`. Where that does not give back every bit of a key the whole ring is wide: three
 * f64 a key, 24 bytes.
 */
export class KeyRing {
  #narrow: Int32Array = new Int32Array(FIRST_CAPACITY * STRIDE);
  /** Instead of `#narrow`. */
  #wide: Float64Array | null = null;
  #baseMs = 0;
  #baseEntry = 0;
  /** A power of ten. */
  #scale = 1;
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

  /** Of its keys and the room for more. */
  get bytes(): number {
    return (this.#wide ?? this.#narrow).byteLength;
  }

  timeAt(place: number): number {
    return this.#timeIn(this.#cell(place));
  }

  valueAt(place: number): number {
    return this.#valueIn(this.#cell(place));
  }

  append(timeMs: number, value: number, entry: number): void {
    if (this.#count === this.#capacity) this.#resize(1);
    this.#put(this.#cell(this.#count), timeMs, value, entry);
    this.#count += 1;
  }

  /** The first `count` of these. */
  appendRun({ timeMs, value }: Omit<ReadingColumns, "series">, count: number, entry: number): void {
    if (this.#count + count > this.#capacity) this.#resize(count);
    let at = this.#appendNarrow(timeMs, value, count, entry);
    for (; at < count; at += 1) this.append(timeMs[at], value[at], entry);
  }

  /** As many of them as fit as they come: the way of nearly all. */
  #appendNarrow(timeMs: Float64Array, value: Float64Array, count: number, entry: number): number {
    if (this.#wide !== null || count === 0 || !this.#fits(timeMs[0], value[0], entry)) return 0;
    const [cells, baseMs, scale] = [this.#narrow, this.#baseMs, this.#scale];
    const since = entry - this.#baseEntry;
    let cell = this.#cell(this.#count);
    let at = 0;
    for (; at < count; at += 1) {
      const sinceMs = (timeMs[at] - baseMs) | 0;
      const scaled = rounded(value[at] * scale);
      if (baseMs + sinceMs !== timeMs[at] || scaled / scale !== value[at]) break;
      if (cell === cells.length) cell = 0;
      cells[cell] = sinceMs;
      cells[cell + VALUE] = scaled;
      cells[cell + ENTRY] = since;
      cell += STRIDE;
    }
    this.#count += at;
    return at;
  }

  /** Puts the key before the one that stands at `place`. */
  insert(place: number, timeMs: number, value: number, entry: number): void {
    if (place === this.#count) return this.append(timeMs, value, entry);
    if (this.#count === this.#capacity) this.#resize(1);
    // Before anything moves: what adapts the ring reads it.
    if (this.#wide === null && !this.#fits(timeMs, value, entry)) this.#adapt(timeMs, value, entry);
    const cell = this.#cell(place);
    moveUp(this.#wide ?? this.#narrow, cell, this.#cell(this.#count));
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
    if (this.#count === 0 || (this.#areEntriesInOrder && this.#entryIn(this.#cell(0)) > last)) return;
    if (this.#wide === null && !this.#fits(this.timeAt(0), this.valueAt(0), next))
      this.#adapt(this.timeAt(0), this.valueAt(0), next);
    this.#areEntriesInOrder = true;
    for (let place = 0, before = 0; place < this.#count; place += 1) {
      const cell = this.#cell(place);
      if (this.#entryIn(cell) <= last) {
        take(this.#timeIn(cell), this.#valueIn(cell));
        this.#putEntry(cell, next);
      }
      const entry = this.#entryIn(cell);
      if (entry < before) this.#areEntriesInOrder = false;
      before = entry;
    }
  }

  #cell(place: number): number {
    const at = this.#head + place;
    return (at < this.#capacity ? at : at - this.#capacity) * STRIDE;
  }

  #timeIn(cell: number): number {
    return this.#wide === null ? this.#baseMs + this.#narrow[cell] : this.#wide[cell];
  }

  #valueIn(cell: number): number {
    return this.#wide === null ? this.#narrow[cell + VALUE] / this.#scale : this.#wide[cell + VALUE];
  }

  #entryIn(cell: number): number {
    return this.#wide === null ? this.#baseEntry + this.#narrow[cell + ENTRY] : this.#wide[cell + ENTRY];
  }

  #putEntry(cell: number, entry: number): void {
    if (this.#wide === null) this.#narrow[cell + ENTRY] = entry - this.#baseEntry;
    else this.#wide[cell + ENTRY] = entry;
  }

  #put(cell: number, timeMs: number, value: number, entry: number): void {
    if (this.#wide === null && this.#putNarrow(cell, timeMs, value, entry)) return;
    this.#putOdd(cell, timeMs, value, entry);
  }

  /** False: it does not fit. */
  #putNarrow(cell: number, timeMs: number, value: number, entry: number): boolean {
    const cells = this.#narrow;
    const sinceMs = (timeMs - this.#baseMs) | 0;
    const scaled = rounded(value * this.#scale);
    const since = (entry - this.#baseEntry) | 0;
    cells[cell] = sinceMs;
    cells[cell + VALUE] = scaled;
    cells[cell + ENTRY] = since;
    return (
      this.#baseMs + sinceMs === timeMs && scaled / this.#scale === value && this.#baseEntry + since === entry
    );
  }

  #putOdd(cell: number, timeMs: number, value: number, entry: number): void {
    if (this.#wide === null) this.#adapt(timeMs, value, entry);
    if (this.#wide === null) {
      this.#putNarrow(cell, timeMs, value, entry);
      return;
    }
    this.#wide[cell] = timeMs;
    this.#wide[cell + VALUE] = value;
    this.#wide[cell + ENTRY] = entry;
  }

  /** Narrow, it gives back what was put in; but -0, which is the same value as 0, as 0. */
  #fits(timeMs: number, value: number, entry: number): boolean {
    const sinceMs = (timeMs - this.#baseMs) | 0;
    const since = (entry - this.#baseEntry) | 0;
    return (
      this.#gives(sinceMs, timeMs, rounded(value * this.#scale), value) && this.#baseEntry + since === entry
    );
  }

  #gives(sinceMs: number, timeMs: number, scaled: number, value: number): boolean {
    return this.#baseMs + sinceMs === timeMs && scaled / this.#scale === value;
  }

  /** To a key that does not fit: other bases and a larger scale for all, or the ring becomes wide. */
  #adapt(timeMs: number, value: number, entry: number): void {
    const isEmpty = this.#count === 0;
    const scale = scaleFor(value, isEmpty ? 1 : this.#scale);
    const baseMs = Math.floor(isEmpty ? timeMs : this.timeAt(0));
    const baseEntry = isEmpty ? entry : this.#entryIn(this.#cell(0));
    const isNarrow = scale !== undefined && this.#recode({ baseMs, baseEntry, scale });
    if (!isNarrow || !this.#fits(timeMs, value, entry)) this.#widen();
  }

  /** Each key stays in its cell. False, and all is as it was, where one does not fit. */
  #recode(to: { readonly baseMs: number; readonly baseEntry: number; readonly scale: number }): boolean {
    const coded = new KeyRing();
    coded.#narrow = new Int32Array(this.#capacity * STRIDE);
    [coded.#baseMs, coded.#baseEntry, coded.#scale] = [to.baseMs, to.baseEntry, to.scale];
    for (let place = 0; place < this.#count; place += 1) {
      const cell = this.#cell(place);
      const [timeMs, value, entry] = [this.#timeIn(cell), this.#valueIn(cell), this.#entryIn(cell)];
      if (!coded.#fits(timeMs, value, entry)) return false;
      coded.#put(cell, timeMs, value, entry);
    }
    this.#narrow = coded.#narrow;
    this.#wide = null;
    ({ baseMs: this.#baseMs, baseEntry: this.#baseEntry, scale: this.#scale } = to);
    return true;
  }

  #widen(): void {
    const wide = new Float64Array(this.#capacity * STRIDE);
    for (let place = 0; place < this.#count; place += 1) {
      const cell = this.#cell(place);
      wide[cell] = this.#timeIn(cell);
      wide[cell + VALUE] = this.#valueIn(cell);
      wide[cell + ENTRY] = this.#entryIn(cell);
    }
    this.#wide = wide;
    this.#narrow = NO_CELLS;
  }

  /** Room for so many more. */
  #resize(more: number): void {
    const wanted = this.#count + more;
    const capacity = wanted + Math.max(FIRST_CAPACITY, wanted >>> 2);
    const cellCount = capacity * STRIDE;
    const from = this.#head * STRIDE;
    const untilEnd = Math.min(this.#count, this.#capacity - this.#head) * STRIDE;
    const rest = this.#count * STRIDE - untilEnd;
    if (this.#wide === null)
      this.#narrow = unrolled(this.#narrow, new Int32Array(cellCount), { from, untilEnd, rest });
    else this.#wide = unrolled(this.#wide, new Float64Array(cellCount), { from, untilEnd, rest });
    this.#capacity = capacity;
    this.#head = 0;
    if (this.#wide !== null) this.#narrowAgain();
  }

  /** What made it wide may be gone. */
  #narrowAgain(): void {
    let scale: number | undefined = 1;
    for (let place = 0; place < this.#count && scale !== undefined; place += 1)
      scale = scaleFor(this.valueAt(place), scale);
    if (scale === undefined) return;
    this.#recode({ baseMs: Math.floor(this.timeAt(0)), baseEntry: this.#entryIn(this.#cell(0)), scale });
  }
}

/** The least power of ten from `from` on that makes an i32 of the value, without a loss. */
function scaleFor(value: number, from: number): number | undefined {
  for (let scale = from; scale <= SCALE_MAX; scale *= 10)
    if (rounded(value * scale) / scale === value) return scale;
  return undefined;
}

/** What is no i32 becomes some other number. */
function rounded(value: number): number {
  return (value < 0 ? value - 0.5 : value + 0.5) | 0;
}

/** What stands in the ring from `from` on until its end, then the rest from its beginning, in a new one. */
function unrolled<Cells extends Int32Array | Float64Array>(
  ring: Cells,
  into: Cells,
  { from, untilEnd, rest }: { readonly from: number; readonly untilEnd: number; readonly rest: number },
): Cells {
  into.set(ring.subarray(from, from + untilEnd));
  into.set(ring.subarray(0, rest), untilEnd);
  return into;
}

/** What stands from `from` up to `end`, where nothing is, moves one place up. */
function moveUp(cells: Int32Array | Float64Array, from: number, end: number): void {
  if (from <= end) {
    cells.copyWithin(from + STRIDE, from, end);
    return;
  }
  const last = cells.length - STRIDE;
  cells.copyWithin(STRIDE, 0, end);
  cells.copyWithin(0, last, cells.length);
  cells.copyWithin(from + STRIDE, from, last);
}
