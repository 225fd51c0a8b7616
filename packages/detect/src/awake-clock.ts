/** Ticks further apart than this: the process was stopped, or too busy to take readings in. */
const STEP_MS_MAX = 1000;

/**
 * Time that the agent has been awake and listening, ms since its start: monotonic time without the stretches in which
 * the process stood still. Silence is measured with it, so that neither a jump of the wall clock nor a suspended
 * gateway makes a series look silent. It moves with ticks.
 */
export class AwakeClock {
  #awakeMs = 0;
  #lastMonotonicMs: number | null = null;

  get nowMs(): number {
    return this.#awakeMs;
  }

  tick(monotonicMs: number): number {
    const stepMs = this.#lastMonotonicMs === null ? 0 : monotonicMs - this.#lastMonotonicMs;
    this.#lastMonotonicMs = monotonicMs;
    this.#awakeMs += Math.min(Math.max(stepMs, 0), STEP_MS_MAX);
    return this.#awakeMs;
  }
}
