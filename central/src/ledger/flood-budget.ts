/** At once: some 12,000 entries. */
export const BURST_BYTES = 4_194_304;
/** For as long as a flood lasts: what is written of it wears the disk and pushes out what was kept before. */
const BYTES_PER_S = 65_536;

/** How much of what comes may be kept just now. */
export class FloodBudget {
  #bytes = BURST_BYTES;
  #refilledAtMs: number | null = null;

  /** None while a flood has used it up. */
  left(monotonicMs: number): number {
    const sinceMs = monotonicMs - (this.#refilledAtMs ?? monotonicMs);
    this.#refilledAtMs = monotonicMs;
    this.#bytes = Math.min(BURST_BYTES, this.#bytes + (sinceMs / 1_000) * BYTES_PER_S);
    return this.#bytes;
  }

  spend(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes - bytes);
  }
}
