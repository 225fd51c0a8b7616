/** A commit of fewer bytes rewrites a page that the disk has written before. */
const PAGE_BYTES = 4_096;
/** Small commits that may come at once after a quiet time. */
const BURST = 200;

/**
 * How soon a commit follows when acknowledgements wait. Each small one writes a whole page of the disk, and flash wears:
 * at once while they are seldom, or while a page is full; in a lasting stream of small ones every `intervalMs`.
 */
export class CommitPace {
  readonly #intervalMs: number;
  /** Small commits that may still come at once. */
  #left = BURST;
  #atMs = Number.NEGATIVE_INFINITY;

  /** `intervalMs` over 0. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** How long an acknowledgement may wait for company, ms; 0: no longer than any. `waitingBytes`: what waits for the commit. */
  waitMs(nowMs: number, waitingBytes: number): number {
    this.#refill(nowMs);
    return waitingBytes >= PAGE_BYTES || this.#left >= 1 ? 0 : this.#intervalMs;
  }

  isPageFull(waitingBytes: number): boolean {
    return waitingBytes >= PAGE_BYTES;
  }

  /** A commit begins. */
  spend(nowMs: number, bytes: number): void {
    this.#refill(nowMs);
    if (bytes < PAGE_BYTES) this.#left = Math.max(0, this.#left - 1);
  }

  #refill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#left = Math.min(BURST, this.#left + passedMs / this.#intervalMs);
    this.#atMs = nowMs;
  }
}
