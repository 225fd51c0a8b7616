/** Numbers of a key: source time, value, and the number of the redo entry that the reading stands in. */
const STRIDE = 3;
const VALUE = 1;
const ENTRY = 2;
/** Cells that share their anchors; a power of two. */
export const GROUP = 32;
const GROUP_BITS = 5;
/** Values with more decimals are kept as they are. */
const SCALE_MAX = 1e6;

/** Bytes of each of a key's numbers. */
export type NumberBytes = 2 | 4 | 8;

/**
 * A row of cells, each with room for a key. A key is kept as what it differs by from the anchors of its group of 32 cells: a time,
 * a value times `scale`, an entry. In numbers of two bytes that is 6.75 bytes a key; of four, 12.75, for groups over which a time
 * goes on for more than 65 s or a value goes through more than 65,535 steps. What that does not give back to the bit stands
 * in numbers of eight bytes as it is, 24 a key.
 */
export class KeyCells {
  readonly capacity: number;
  readonly numberBytes: NumberBytes;
  /** A power of ten that makes whole numbers of the values. */
  readonly scale: number;
  readonly #cells: Int16Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
  /** The same where numbers are of two bytes: a loop over arrays of one kind is twice as fast. */
  readonly #small: Int16Array | null;
  /** Three whole numbers a group; NaN of one that has had no key. A typed array would be 200 bytes larger for each series. */
  readonly #anchors: number[];

  constructor(capacity: number, numberBytes: NumberBytes, scale: number) {
    this.capacity = capacity;
    this.numberBytes = numberBytes;
    this.scale = scale;
    const Cells = { 2: Int16Array, 4: Int32Array, 8: Float64Array }[numberBytes];
    this.#cells = new Cells(capacity * STRIDE);
    this.#small = this.#cells instanceof Int16Array ? this.#cells : null;
    const anchorCount = numberBytes === 8 ? 0 : Math.ceil(capacity / GROUP) * STRIDE;
    this.#anchors = new Array<number>(anchorCount).fill(NaN);
  }

  get bytes(): number {
    return this.#cells.byteLength + 8 * this.#anchors.length;
  }

  /** These `count` keys from the first of a group on, as they are, at the front of another row. */
  moved(from: number, count: number, capacity: number): KeyCells {
    const moved = new KeyCells(capacity, this.numberBytes, this.scale);
    moved.#cells.set(this.#cells.subarray(from * STRIDE, (from + count) * STRIDE));
    const anchors = Math.ceil(count / GROUP) * STRIDE;
    const first = anchorOf(from);
    for (let at = 0; at < anchors; at += 1) moved.#anchors[at] = this.#anchors[first + at];
    return moved;
  }

  /** Nobody looks at it any more: its memory is given back now, not when everything is collected. */
  free(): void {
    // Detached, it has none (ECMA-262, ArrayBuffer.prototype.transfer).
    this.#cells.buffer.transfer(0);
  }

  timeAt(cell: number): number {
    const since = this.#cells[cell * STRIDE];
    return this.numberBytes === 8 ? since : since + this.#anchors[anchorOf(cell)];
  }

  valueAt(cell: number): number {
    const since = this.#cells[cell * STRIDE + VALUE];
    return this.numberBytes === 8 ? since : (since + this.#anchors[anchorOf(cell) + VALUE]) / this.scale;
  }

  entryAt(cell: number): number {
    const since = this.#cells[cell * STRIDE + ENTRY];
    return this.numberBytes === 8 ? since : since + this.#anchors[anchorOf(cell) + ENTRY];
  }

  /** Nothing stands in the cell's group any more, and this key comes there next. */
  beginGroup(cell: number, timeMs: number, value: number, entry: number): void {
    if (this.numberBytes === 8) return;
    const anchor = anchorOf(cell);
    this.#anchors[anchor] = Math.floor(timeMs);
    this.#anchors[anchor + VALUE] = rounded(value * this.scale);
    this.#anchors[anchor + ENTRY] = entry;
    // What holds no key must not hold the anchors back later on.
    this.#cells.fill(0, cell * STRIDE, (cell + GROUP) * STRIDE);
  }

  /** False where these numbers do not give the key back (-0 is the same value as 0): then some other stands in the cell. */
  put(cell: number, timeMs: number, value: number, entry: number): boolean {
    const cells = this.#cells;
    const at = cell * STRIDE;
    if (this.numberBytes === 8) {
      cells[at] = timeMs;
      cells[at + VALUE] = value;
      cells[at + ENTRY] = entry;
      return true;
    }
    const anchors = this.#anchors;
    const anchor = anchorOf(cell);
    const scaled = rounded(value * this.scale);
    const sinceMs = timeMs - anchors[anchor];
    const steps = scaled - anchors[anchor + VALUE];
    const entries = entry - anchors[anchor + ENTRY];
    cells[at] = sinceMs;
    cells[at + VALUE] = steps;
    cells[at + ENTRY] = entries;
    const isWithinReach =
      cells[at] === sinceMs && cells[at + VALUE] === steps && cells[at + ENTRY] === entries;
    if (isWithinReach && scaled / this.scale === value) return true;
    return this.#putFar(cell, timeMs, value, entry);
  }

  /** As `put`, each in the cell after the last; returns how many keys it gives back, of no more than the cell's group has left; none of larger numbers. */
  putRun(
    cell: number,
    { timeMs, value }: { readonly timeMs: Float64Array; readonly value: Float64Array },
    { from, end, entry }: { readonly from: number; readonly end: number; readonly entry: number },
  ): number {
    const [cells, scale] = [this.#small, this.scale];
    if (cells === null) return 0;
    const anchor = anchorOf(cell);
    const anchorMs = this.#anchors[anchor];
    const anchorValue = this.#anchors[anchor + VALUE];
    const since = entry - this.#anchors[anchor + ENTRY];
    const groupEnd = Math.min((cell | (GROUP - 1)) + 1, this.capacity);
    const runEnd = Math.min(end, from + groupEnd - cell);
    let at = cell * STRIDE;
    for (let index = from; index < runEnd; index += 1, at += STRIDE) {
      const sinceMs = timeMs[index] - anchorMs;
      const scaled = rounded(value[index] * scale);
      cells[at] = sinceMs;
      cells[at + VALUE] = scaled - anchorValue;
      cells[at + ENTRY] = since;
      if (
        cells[at] !== sinceMs ||
        cells[at + VALUE] + anchorValue !== scaled ||
        scaled / scale !== value[index]
      )
        return index - from;
    }
    return runEnd - from;
  }

  /** What stands in cells of one group stands in the next ones, of the same group. */
  moveUp(from: number, end: number): void {
    this.#cells.copyWithin((from + 1) * STRIDE, from * STRIDE, end * STRIDE);
  }

  #putFar(cell: number, timeMs: number, value: number, entry: number): boolean {
    const scaled = rounded(value * this.scale);
    this.#cells.fill(0, cell * STRIDE, (cell + 1) * STRIDE);
    if (scaled / this.scale !== value) return false;
    return this.#moveAnchors(cell, timeMs, scaled, entry) && this.put(cell, timeMs, value, entry);
  }

  /** To where this key and the others of the group are within reach. False, and nothing has moved, where there is no such place. */
  #moveAnchors(cell: number, ...key: readonly [timeMs: number, scaled: number, entry: number]): boolean {
    // Of whole numbers nothing is lost, however often they move.
    if (!key.every(Number.isSafeInteger)) return false;
    const cells = this.#cells;
    const anchor = anchorOf(cell);
    const first = cell & -GROUP;
    const end = Math.min(first + GROUP, this.capacity);
    if (Number.isNaN(this.#anchors[anchor])) {
      for (const [part, number] of key.entries()) this.#anchors[anchor + part] = number;
      return true;
    }
    const reach = 2 ** (8 * this.numberBytes);
    const moves = key.map((number, part) => {
      let low = number - this.#anchors[anchor + part];
      let high = low;
      for (let other = first; other < end; other += 1) {
        if (other === cell) continue;
        low = Math.min(low, cells[other * STRIDE + part]);
        high = Math.max(high, cells[other * STRIDE + part]);
      }
      return high - low < reach ? low + reach / 2 : NaN;
    });
    if (moves.some(Number.isNaN)) return false;
    for (const [part, move] of moves.entries()) {
      for (let other = first; other < end; other += 1) cells[other * STRIDE + part] -= move;
      this.#anchors[anchor + part] += move;
    }
    return true;
  }
}

function anchorOf(cell: number): number {
  return (cell >> GROUP_BITS) * STRIDE;
}

/** The least power of ten from `from` on that makes a whole number of the value, without a loss. */
export function scaleFor(value: number, from: number): number | undefined {
  for (let scale = from; scale <= SCALE_MAX; scale *= 10)
    if (rounded(value * scale) / scale === value) return scale;
  return undefined;
}

/** What is no i32 becomes some other number. */
function rounded(value: number): number {
  return (value < 0 ? value - 0.5 : value + 0.5) | 0;
}
