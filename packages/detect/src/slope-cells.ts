/** The span is cut into so many cells of event time; what falls out of it goes a cell at a time. */
export const SLOPE_CELLS = 16;
/** Per cell: its number, n, Σt, Σv, Σt², Σtv, first t; t from the cell's start, ms. */
const FIELDS = 7;
const STRIDE = SLOPE_CELLS * FIELDS;
/** Values beyond this would overflow sums of their products. */
const VALUE_MAX = 1e100;

/**
 * Least-squares slope over the newest `overMs` of event time of many series. A cell keeps sums instead of readings, so
 * memory is bounded whatever comes, and the slope is that of every reading in the cells that the span still touches:
 * from `overMs · 15/16` to `overMs` back.
 */
export class SlopeCells {
  readonly #cellMs: number;
  readonly #spanMsMin: number;
  #cells = new Float64Array(0);

  constructor(overMs: number) {
    this.#cellMs = overMs / SLOPE_CELLS;
    this.#spanMsMin = overMs / 2;
  }

  /** Takes a reading not older than any before it. False where its value is beyond what can be reckoned with. */
  add(series: number, timeMs: number, value: number): boolean {
    if (!(Math.abs(value) <= VALUE_MAX)) return false;
    if ((series + 1) * STRIDE > this.#cells.length) this.#grow(series);
    const cell = Math.floor(timeMs / this.#cellMs);
    const at = this.#placeOf(series, cell);
    const cells = this.#cells;
    if (cells[at + 1] === 0 || cells[at] !== cell) {
      cells.fill(0, at, at + FIELDS);
      cells[at] = cell;
      cells[at + 6] = timeMs - cell * this.#cellMs;
    }
    const t = timeMs - cell * this.#cellMs;
    cells[at + 1] += 1;
    cells[at + 2] += t;
    cells[at + 3] += value;
    cells[at + 4] += t * t;
    cells[at + 5] += t * value;
    return true;
  }

  /**
   * The slope per ms as of the newest reading at `newestMs`; NaN where the readings do not cover half of the span: two
   * readings a moment apart say nothing of it.
   */
  slope(series: number, newestMs: number): number {
    const cells = this.#cells;
    const newest = Math.floor(newestMs / this.#cellMs);
    const from = series * STRIDE;
    let count = 0;
    let timeMean = 0;
    let valueMean = 0;
    let timeSquares = 0;
    let products = 0;
    let oldestMs = newestMs;
    for (let at = from; at < from + STRIDE; at += FIELDS) {
      const n = cells[at + 1];
      const back = newest - cells[at];
      if (n === 0 || !(back >= 0 && back < SLOPE_CELLS)) continue;
      // Chan's merge of the cell's centred sums: no difference of great numbers.
      const cellTime = cells[at + 2] / n - back * this.#cellMs;
      const cellValue = cells[at + 3] / n;
      const cellSquares = cells[at + 4] - (cells[at + 2] * cells[at + 2]) / n;
      const cellProducts = cells[at + 5] - (cells[at + 2] * cells[at + 3]) / n;
      const total = count + n;
      const timeStep = cellTime - timeMean;
      const valueStep = cellValue - valueMean;
      const weight = (count * n) / total;
      timeSquares += cellSquares + timeStep * timeStep * weight;
      products += cellProducts + timeStep * valueStep * weight;
      timeMean += (timeStep * n) / total;
      valueMean += (valueStep * n) / total;
      count = total;
      oldestMs = Math.min(oldestMs, cells[at] * this.#cellMs + cells[at + 6]);
    }
    return newestMs - oldestMs >= this.#spanMsMin && timeSquares > 0 ? products / timeSquares : Number.NaN;
  }

  clear(series: number): void {
    this.#cells.fill(0, series * STRIDE, (series + 1) * STRIDE);
  }

  /** The filled cells. */
  state(series: number): number[][] {
    const rows: number[][] = [];
    for (let at = series * STRIDE; at < (series + 1) * STRIDE; at += FIELDS)
      if (this.#cells[at + 1] > 0) rows.push([...this.#cells.subarray(at, at + FIELDS)]);
    return rows;
  }

  restore(series: number, rows: readonly (readonly number[])[]): void {
    if ((series + 1) * STRIDE > this.#cells.length) this.#grow(series);
    for (const row of rows) this.#cells.set(row, this.#placeOf(series, row[0]));
  }

  #placeOf(series: number, cell: number): number {
    return series * STRIDE + (((cell % SLOPE_CELLS) + SLOPE_CELLS) % SLOPE_CELLS) * FIELDS;
  }

  #grow(series: number): void {
    const cells = new Float64Array(Math.max(16, (series + 1) * 2) * STRIDE);
    cells.set(this.#cells);
    this.#cells = cells;
  }
}

export function isSlopeState(rows: unknown): rows is number[][] {
  return (
    Array.isArray(rows) &&
    rows.length <= SLOPE_CELLS &&
    rows.every((row) => Array.isArray(row) && row.length === FIELDS && row.every((n) => Number.isFinite(n)))
  );
}
