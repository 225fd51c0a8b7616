import type { Clock } from "@millrace/runtime";
import { SensorClocks } from "./sensor-clocks.ts";

export type ClockVerdict = "plausible" | "future" | "before_floor";

/** How far the wall clock may lag behind the time that is held before it is taken as unset. */
const BEHIND_TOLERANCE_MS = 60_000;
/** The agent's clock and central's agree when they differ by no more, the way not counted. */
const AGREEMENT_TOLERANCE_MS = 60_000;
/** So many sensors bear each other out against the wall clock. One alone may be wrong. */
const SENSORS_MIN = 2;

/** The steady time goes on from `nowMs` instead of `fromMs`. */
export interface ClockStep {
  readonly fromMs: number;
  readonly nowMs: number;
  /** No plausible reading is of a later event time. */
  readonly latestMs: number;
}

/**
 * Keeps one wrong clock from moving a watermark. A reading may lie at most `maxFutureMs` ahead of the agent's time and
 * not before the floor. A gateway without a clock battery starts in the past: while its clock is behind what was already
 * stored, the agent's time is the greatest durable event time plus monotonic time, and it says that it is unsynchronised.
 * So it does where the clock falls behind what sensors have told while it was believed.
 * Where central's clock agrees with the wall clock, that is proven right, and takes the place of what was stored. Of the two
 * the later is what readings may lie ahead of: sensors whose clocks are right are not refused for a gateway's that is a
 * little behind.
 */
export class ClockGuard {
  /** What sensors' own clocks show. */
  readonly sensors = new SensorClocks();
  readonly #clock: Clock;
  readonly #maxFutureMs: number;
  readonly #floorMs: number;
  /** Time that the wall clock must not be behind, at `#sinceMonotonicMs`. */
  #heldMs: number;
  /** Greatest own time of a reading, no later than the agent's time then. */
  #heardMs = Number.NEGATIVE_INFINITY;
  /** Steady time at `#sinceMonotonicMs`. */
  #anchorMs: number;
  #sinceMonotonicMs: number;
  /** Central's time at `#sinceMonotonicMs`. */
  #toldMs = Number.NEGATIVE_INFINITY;
  #wallMs = Number.NaN;
  #lookedSinceMs = 0;
  #nowMs = 0;
  #isSynchronised = true;
  #isProven = false;

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
    this.#heldMs = options.durableTimeMs ?? options.floorMs;
    this.#sinceMonotonicMs = options.clock.monotonicMs();
    this.#anchorMs = this.nowMs();
  }

  get isSynchronised(): boolean {
    this.#look();
    return this.#isSynchronised;
  }

  /** A witness has agreed since the start: the steady time is right. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** The agent's best knowledge of now, event time ms. Jumps with the wall clock. */
  nowMs(): number {
    this.#look();
    return this.#nowMs;
  }

  /** Now, as of the start or the last witness, plus monotonic time, ms: no jump of the wall clock moves it. */
  steadyMs(monotonicMs = this.#clock.monotonicMs()): number {
    return Math.floor(this.#anchorMs + monotonicMs - this.#sinceMonotonicMs);
  }

  /** No reading that is taken now is of a later event time. */
  latestMs(): number {
    return Math.max(this.nowMs(), this.#toldMs + this.#sinceMs()) + this.#maxFutureMs;
  }

  /** No reading that is taken now is of this event time, or later. */
  readingsEndMs(): number {
    return Math.floor(this.latestMs()) + 1;
  }

  /**
   * Against which a reading's age counts: no wall clock that is ahead makes what is live look old. Once proven, a jump is
   * known by the steady time. Before, that may be as wrong as the wall clock, so sensors must bear it out that come at the
   * pace of time, as no backlog does. Without it they may be right by themselves, two or more of them and most of all that
   * speak, where the wall clock is as far ahead as it could not be of a witness.
   */
  ageNowMs(): number {
    const nowMs = this.nowMs();
    if (this.#isProven) return Math.min(nowMs, this.steadyMs());
    const agreed = this.sensors.agreed(this.#clock.monotonicMs());
    if (agreed === null) return nowMs;
    const steadyMs = this.steadyMs();
    if (Math.abs(agreed.timeMs - steadyMs) <= this.#maxFutureMs) return Math.min(nowMs, steadyMs);
    const isBorneOut = agreed.isMajority && agreed.count >= SENSORS_MIN;
    return isBorneOut && nowMs - agreed.timeMs > AGREEMENT_TOLERANCE_MS ? Math.floor(agreed.timeMs) : nowMs;
  }

  /** A sensor's own time, of a reading that was taken in. */
  heard(timeMs: number): void {
    if (timeMs <= this.#heardMs) return;
    this.#heardMs = Math.min(timeMs, this.nowMs());
    this.#heldMs = Math.max(this.#heldMs, this.#heardMs - this.#lookedSinceMs);
  }

  judge(timeMs: number): ClockVerdict {
    if (timeMs < this.#floorMs) return "before_floor";
    return timeMs > this.latestMs() ? "future" : "plausible";
  }

  /** Whether the first `count` of these times are all plausible. */
  arePlausible(timesMs: Float64Array, count: number): boolean {
    const latestMs = this.latestMs();
    for (let at = 0; at < count; at += 1)
      if (!(timesMs[at] >= this.#floorMs && timesMs[at] <= latestMs)) return false;
    return true;
  }

  /**
   * Central has told its clock, in an answer that came `roundTripMs` after the question. Where the wall clock agrees, the
   * agent's time and the steady time go on from it; otherwise nothing happens, for either of the two may be wrong.
   */
  witness(told: { readonly centralMs: number; readonly roundTripMs: number }): ClockStep | undefined {
    const nowMs = this.#clock.nowMs();
    const aheadMs = nowMs - told.centralMs;
    if (aheadMs < -AGREEMENT_TOLERANCE_MS || aheadMs > told.roundTripMs + AGREEMENT_TOLERANCE_MS)
      return undefined;
    const fromMs = this.steadyMs();
    // By now it shows up to the round trip more: what was known of it before stands, as far as that agrees.
    const knownMs = this.#toldMs + this.#sinceMs();
    const isWithin = knownMs >= told.centralMs && knownMs <= told.centralMs + told.roundTripMs;
    this.#isProven = true;
    this.#heldMs = nowMs;
    this.#heardMs = Number.NEGATIVE_INFINITY;
    this.#anchorMs = nowMs;
    this.#toldMs = isWithin ? knownMs : told.centralMs;
    this.#sinceMonotonicMs = this.#clock.monotonicMs();
    this.#wallMs = Number.NaN;
    return { fromMs, nowMs, latestMs: Math.floor(this.latestMs()) };
  }

  /** Judges the wall clock anew when it shows another millisecond: readings come by the hundred in one. */
  #look(): void {
    const wallMs = this.#clock.nowMs();
    if (wallMs === this.#wallMs) return;
    this.#wallMs = wallMs;
    this.#lookedSinceMs = this.#sinceMs();
    const heldMs = this.#heldMs + this.#lookedSinceMs;
    this.#isSynchronised = wallMs + BEHIND_TOLERANCE_MS >= heldMs;
    this.#nowMs = this.#isSynchronised ? wallMs : Math.floor(heldMs);
  }

  #sinceMs(): number {
    return this.#clock.monotonicMs() - this.#sinceMonotonicMs;
  }
}
