import type { Clock } from "@millrace/runtime";

export type ClockVerdict = "plausible" | "future" | "before_floor";

/** How far the wall clock may lag behind the greatest durable event time before it is taken as unset. */
const BEHIND_TOLERANCE_MS = 60_000;

/**
 * Keeps one wrong clock from moving a watermark. A reading may lie at most `maxFutureMs` ahead of the agent's time and
 * not before the floor. A gateway without a clock battery starts in the past: while its clock is behind what was already
 * stored, the agent's time is the greatest durable event time plus monotonic time, and it says that it is unsynchronised.
 */
export class ClockGuard {
  readonly #clock: Clock;
  readonly #maxFutureMs: number;
  readonly #floorMs: number;
  readonly #durableTimeMs: number;
  readonly #openedMonotonicMs: number;

  constructor(options: {
    readonly clock: Clock;
    readonly maxFutureMs: number;
    readonly floorMs: number;
    /** Greatest event time in the store at its opening; `null` for an empty store. */
    readonly durableTimeMs: number | null;
  }) {
    this.#clock = options.clock;
    this.#maxFutureMs = options.maxFutureMs;
    this.#floorMs = options.floorMs;
    this.#durableTimeMs = options.durableTimeMs ?? options.floorMs;
    this.#openedMonotonicMs = options.clock.monotonicMs();
  }

  get isSynchronised(): boolean {
    return this.#clock.nowMs() + BEHIND_TOLERANCE_MS >= this.#heldTimeMs();
  }

  /** The agent's best knowledge of now, event time ms. */
  nowMs(): number {
    return this.isSynchronised ? this.#clock.nowMs() : Math.floor(this.#heldTimeMs());
  }

  judge(timeMs: number): ClockVerdict {
    if (timeMs < this.#floorMs) return "before_floor";
    return timeMs > this.nowMs() + this.#maxFutureMs ? "future" : "plausible";
  }

  #heldTimeMs(): number {
    return this.#durableTimeMs + (this.#clock.monotonicMs() - this.#openedMonotonicMs);
  }
}
