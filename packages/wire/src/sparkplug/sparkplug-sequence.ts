/** Numbers go from 0 to 255 and begin again. */
const NUMBERS = 256;
/** So many messages after a missing one, it comes no more: a sender is not allowed to go once around before the gap is seen. */
const EARLY_MAX = 64;

/**
 * The sequence of one edge node's messages (Sparkplug 3.0, 5.9): a gap that is not filled within the reorder timeout is a
 * loss. Times are of one monotonic clock, ms.
 */
export class SparkplugSequence {
  #next: number | null = null;
  #last = 0;
  readonly #early = new Set<number>();
  #gapSinceMs: number | null = null;

  get hasGap(): boolean {
    return this.#gapSinceMs !== null;
  }

  /** A node's birth has this number. */
  begin(number: number): void {
    this.#last = number;
    this.resume();
  }

  /** Every message after it has one. */
  hear(number: number, nowMs: number): void {
    this.#last = number;
    if (this.#next === null) this.resume();
    else if (number !== this.#next) {
      this.#early.add(number);
      this.#gapSinceMs ??= nowMs;
    } else {
      do this.#next = (this.#next + 1) % NUMBERS;
      while (this.#early.delete(this.#next));
      if (this.#early.size === 0) this.#gapSinceMs = null;
    }
  }

  /** Whether a number that was left out is given up. */
  isLost(nowMs: number, reorderTimeoutMs: number): boolean {
    if (this.#gapSinceMs === null) return false;
    return this.#early.size >= EARLY_MAX || nowMs - this.#gapSinceMs >= reorderTimeoutMs;
  }

  /** Goes on after the last message, whatever is missing before it. */
  resume(): void {
    this.#next = (this.#last + 1) % NUMBERS;
    this.#early.clear();
    this.#gapSinceMs = null;
  }

  /** Some encoders leave a 0 out: where none is given, whether it is one. */
  get isZeroNext(): boolean {
    return this.#next === 0;
  }
}
