/** Unanswered requests make the pause up to 2^5 times as long. */
const DOUBLINGS_MAX = 5;

/** When one edge node may be asked for its births: never twice within the interval, and more seldom while it does not answer. */
export class RebirthPace {
  readonly #intervalMs: number;
  #askedAtMs = -Infinity;
  #unansweredCount = 0;
  #isWanted = false;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  want(): void {
    this.#isWanted = true;
  }

  isDue(nowMs: number): boolean {
    const doublings = Math.min(Math.max(this.#unansweredCount - 1, 0), DOUBLINGS_MAX);
    return this.#isWanted && nowMs - this.#askedAtMs >= this.#intervalMs * 2 ** doublings;
  }

  asked(nowMs: number): void {
    this.#isWanted = false;
    this.#askedAtMs = nowMs;
    this.#unansweredCount += 1;
  }

  /** The node's birth has come. */
  answered(): void {
    this.#isWanted = false;
    this.#unansweredCount = 0;
  }
}
