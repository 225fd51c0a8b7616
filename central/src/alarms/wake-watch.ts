/** Ticks come every 250 ms: after so long without any, this process did not run. */
const PAUSE_MS_MIN = 1_000;

/**
 * Tells when this process was itself not running: stopped, a paused machine, a long collection of garbage. Nobody
 * could be heard meanwhile, so nobody's silence counts from before.
 */
export class WakeWatch {
  readonly #pauseMsMin: number;
  #runningAtMs: number | null = null;

  constructor(pauseMsMin = PAUSE_MS_MIN) {
    this.#pauseMsMin = pauseMsMin;
  }

  /** To be called whenever the process does anything. True when it has just come to from a pause. */
  isWaking(monotonicMs: number): boolean {
    const isWaking = this.#runningAtMs !== null && monotonicMs - this.#runningAtMs >= this.#pauseMsMin;
    this.#runningAtMs = monotonicMs;
    return isWaking;
  }
}
