/** A payment system that does so many a second and lets nobody wait longer than so long. */
export class PaymentQueue {
  readonly #perMs: number;
  readonly #waitMaxMs: number;
  #freeAtMs = -Infinity;

  constructor(perSecond: number, waitMaxMs: number) {
    this.#perMs = perSecond / 1_000;
    this.#waitMaxMs = waitMaxMs;
  }

  /** Ms until a payment that comes now is done; null: the queue is full, it is turned away. In order of time. */
  offer(timeMs: number): number | null {
    const startMs = Math.max(timeMs, this.#freeAtMs);
    if (startMs - timeMs > this.#waitMaxMs) return null;
    this.#freeAtMs = startMs + 1 / this.#perMs;
    return this.#freeAtMs - timeMs;
  }
}
