import type { Clock } from "@millrace/runtime";

export interface PlanTimeOptions {
  readonly clock: Clock;
  /** Event time at which the run begins. */
  readonly startMs: number;
  /** Times as fast as the clock; Infinity: as fast as the receivers take it; null: the plan's time is the clock's. */
  readonly speed: number | null;
}

/**
 * How far a run may be by now. One that begins in the past goes through it at its speed and, once it has caught up with
 * the wall clock, at the clock's pace: it is never ahead of it. One that begins in the future is ahead by request.
 */
export class PlanTime {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #speed: number | null;
  readonly #startedMs: number;
  readonly #isAhead: boolean;

  constructor({ clock, startMs, speed }: PlanTimeOptions) {
    this.#clock = clock;
    this.#startMs = startMs;
    this.#speed = speed;
    this.#startedMs = clock.monotonicMs();
    this.#isAhead = startMs > clock.nowMs();
  }

  /** Event time that is due. */
  nowMs(): number {
    const wallMs = this.#clock.nowMs();
    if (this.#speed === null) return wallMs;
    const elapsedMs = this.#clock.monotonicMs() - this.#startedMs;
    const reachedMs = this.#speed === Infinity ? Infinity : this.#startMs + elapsedMs * this.#speed;
    return this.#isAhead ? reachedMs : Math.min(reachedMs, wallMs);
  }

  /** Real time until this is due; 0: it is. */
  waitMs(timeMs: number): number {
    const behindMs = timeMs - this.nowMs();
    if (behindMs <= 0) return 0;
    const isCatchingUp = this.#isAhead || timeMs <= this.#clock.nowMs();
    return behindMs / (isCatchingUp && this.#speed !== null ? this.#speed : 1);
  }
}
