import type { ReadingColumns } from "@millrace/stream";

/** Of one reading: u32 series, f64 time, f64 value, u8 quality. */
export const RING_READING_BYTES = 21;

/**
 * The latest readings of all series, in columns that are made once: a reading is four writes, and the memory never grows.
 * Readings are numbered from 0 in order of arrival.
 */
export class ReadingRing {
  readonly capacity: number;
  readonly #series: Uint32Array;
  readonly #timesMs: Float64Array;
  readonly #values: Float64Array;
  readonly #qualities: Uint8Array;
  #total = 0;
  #at = 0;

  constructor(bytesMax: number) {
    this.capacity = Math.max(1, Math.floor(bytesMax / RING_READING_BYTES));
    this.#series = new Uint32Array(this.capacity);
    this.#timesMs = new Float64Array(this.capacity);
    this.#values = new Float64Array(this.capacity);
    this.#qualities = new Uint8Array(this.capacity);
  }

  /** Number of the next reading. */
  get total(): number {
    return this.#total;
  }

  /** Number of the oldest that is held; `total` where none is. */
  get oldest(): number {
    return Math.max(0, this.#total - this.capacity);
  }

  /** `quality`: 0 good, 1 uncertain, 2 bad. */
  add(series: number, timeMs: number, value: number, quality: number): void {
    const at = this.#at;
    this.#series[at] = series;
    this.#timesMs[at] = timeMs;
    this.#values[at] = value;
    this.#qualities[at] = quality;
    this.#at = at + 1 === this.capacity ? 0 : at + 1;
    this.#total += 1;
  }

  /** The same for the first `count` of a series' good readings. */
  addRun(series: number, { count, timeMs, value }: Omit<ReadingColumns, "series">): void {
    let at = this.#at;
    for (let index = 0; index < count; index += 1) {
      this.#series[at] = series;
      this.#timesMs[at] = timeMs[index];
      this.#values[at] = value[index];
      this.#qualities[at] = 0;
      at = at + 1 === this.capacity ? 0 : at + 1;
    }
    this.#at = at;
    this.#total += count;
  }

  /** The number must be held still. */
  seriesOf(number: number): number {
    return this.#series[number % this.capacity];
  }

  timeMsOf(number: number): number {
    return this.#timesMs[number % this.capacity];
  }

  valueOf(number: number): number {
    return this.#values[number % this.capacity];
  }

  qualityOf(number: number): number {
    return this.#qualities[number % this.capacity];
  }
}
