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
  #wallMs = Number.NaN;
  #nowMs = 0;
  #isSynchronised = true;

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
    this.#look();
    return this.#isSynchronised;
  }

  /** The agent's best knowledge of now, event time ms. */
  nowMs(): number {
    this.#look();
    return this.#nowMs;
  }

  judge(timeMs: number): ClockVerdict {
    if (timeMs < this.#floorMs) return "before_floor";
    return timeMs > this.nowMs() + this.#maxFutureMs ? "future" : "plausible";
  }

  /** Judges the wall clock anew when it shows another millisecond: readings come by the hundred in one. */
  #look(): void {
    const wallMs = this.#clock.nowMs();
    if (wallMs === this.#wallMs) return;
    this.#wallMs = wallMs;
    const heldMs = this.#heldTimeMs();
    this.#isSynchronised = wallMs + BEHIND_TOLERANCE_MS >= heldMs;
    this.#nowMs = this.#isSynchronised ? wallMs : Math.floor(heldMs);
  }

  #heldTimeMs(): number {
    return this.#durableTimeMs + (this.#clock.monotonicMs() - this.#openedMonotonicMs);
  }
}
