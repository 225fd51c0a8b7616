/** Half of what the estimate knows is of the last 15 s. */
const HALF_LIFE_MS = 15_000;

/** Time still to go, at the pace of the last while: steady although single looks differ. */
export class TimeLeft {
  #remainingMs: number | null;
  #gainedMs = 0;
  #elapsedMs = 0;

  /** Event time to go through; null: it has no end. */
  constructor(remainingMs: number | null) {
    this.#remainingMs = remainingMs;
  }

  /** In ms of the clock; null: nobody can say. */
  look(remainingMs: number | null, elapsedMs: number): number | null {
    const beforeMs = this.#remainingMs;
    this.#remainingMs = remainingMs;
    if (remainingMs === null || beforeMs === null) return null;
    const kept = 0.5 ** (elapsedMs / HALF_LIFE_MS);
    this.#gainedMs = this.#gainedMs * kept + Math.max(0, beforeMs - remainingMs);
    this.#elapsedMs = this.#elapsedMs * kept + elapsedMs;
    return this.#gainedMs === 0 ? null : (remainingMs * this.#elapsedMs) / this.#gainedMs;
  }
}
