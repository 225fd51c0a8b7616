import { ELEMENTS_MAX } from "./elements-max.ts";

/** Good readings of one payload by column, without labels of their own; the arrays are used again for the next payload. */
export class PlainReadings {
  count = 0;
  /** Event time, whole ms; meaningless where the decoder reads no time. */
  timeMs = new Float64Array(16);
  value = new Float64Array(16);

  clear(): void {
    this.count = 0;
  }

  /** False, and nothing is added, where there are as many as one payload may have. */
  add(timeMs: number, value: number): boolean {
    if (!this.hasRoom()) return false;
    this.timeMs[this.count] = timeMs;
    this.value[this.count] = value;
    this.count += 1;
    return true;
  }

  /** Makes it, for one more, where there may be any. */
  hasRoom(): boolean {
    return this.count < this.value.length || this.#grow();
  }

  #grow(): boolean {
    if (this.count === ELEMENTS_MAX) return false;
    const length = Math.min(ELEMENTS_MAX, 2 * this.count);
    const [timeMs, value] = [new Float64Array(length), new Float64Array(length)];
    timeMs.set(this.timeMs);
    value.set(this.value);
    this.timeMs = timeMs;
    this.value = value;
    return true;
  }
}
