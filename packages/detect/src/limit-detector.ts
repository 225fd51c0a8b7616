import type { LimitCondition } from "./rule-spec.ts";

/**
 * What a reading did. `met`: the limit is still broken by an already raised condition. `late`: older than the newest
 * reading of its series, and without effect.
 */
export const TRANSITION = { none: 0, raised: 1, cleared: 2, met: 3, late: 4 } as const;
export type Transition = (typeof TRANSITION)[keyof typeof TRANSITION];

const PHASE = { normal: 0, pending: 1, raised: 2 } as const;

/** One series' state, for checkpoints. Times are event time, ms. */
export interface DetectorState {
  readonly newestMs: number;
  /** Since when the limit is broken without interruption, while the condition waits for `forAtLeastMs`. */
  readonly pendingSinceMs: number | null;
  readonly isRaised: boolean;
}

export interface LimitDetectorBounds {
  /** A reading that breaks the limit may raise it though it is this much older than the newest of its series. */
  readonly raiseLateMsMax: number;
  /** A newest time further ahead of the agent's clock than this came from a clock that was wrong: it is forgotten. */
  readonly futureMsMax: number;
}

/**
 * One limit over many series, numbered 0, 1, 2 …: hysteresis, and an on-delay in event time. Flat arrays: a reading
 * that changes nothing costs a few comparisons and no allocation.
 *
 * Readings may come out of order, and clocks may step back. A reading older than the newest of its series never ends a
 * condition; it raises one, so that no stop is suppressed, where there is no on-delay and it is at most `raiseLateMsMax`
 * older than the newest, or than now where the newest lies ahead of now. Otherwise it is ignored and counted. Those with
 * the same time count in order of arrival. A reading that is not good may raise the condition, never end it.
 */
export class LimitDetector {
  readonly #sign: 1 | -1;
  readonly #limit: number;
  readonly #clear: number;
  readonly #hasHysteresis: boolean;
  readonly #forAtLeastMs: number;
  readonly #raiseLateMsMax: number;
  readonly #futureMsMax: number;
  #newestMs = new Float64Array(0);
  #pendingSinceMs = new Float64Array(0);
  #phase = new Uint8Array(0);
  /** Readings without effect because a newer one of their series had been seen. */
  lateCount = 0;

  constructor(condition: LimitCondition, bounds: LimitDetectorBounds) {
    this.#sign = condition.kind === "above" ? 1 : -1;
    this.#limit = condition.limit * this.#sign;
    this.#clear = condition.clear * this.#sign;
    this.#hasHysteresis = this.#clear < this.#limit;
    this.#forAtLeastMs = condition.forAtLeastMs;
    this.#raiseLateMsMax = bounds.raiseLateMsMax;
    this.#futureMsMax = bounds.futureMsMax;
    if (!(this.#clear <= this.#limit)) {
      throw new Error(
        `cannot watch a limit: clear ${condition.clear} lies on the wrong side of ${condition.kind} ${condition.limit}`,
      );
    }
    if (!(this.#forAtLeastMs >= 0))
      throw new Error(`cannot watch a limit: forAtLeastMs is ${condition.forAtLeastMs}`);
  }

  /** @param nowMs the agent's wall clock, ms; it may jump. */
  observe(series: number, value: number, timeMs: number, isGood: boolean, nowMs: number): Transition {
    if (series >= this.#phase.length) this.#grow(series);
    const signed = value * this.#sign;
    const isBroken = signed > this.#limit;
    const newestMs = this.#newestMs[series];
    if (timeMs < newestMs && newestMs <= nowMs + this.#futureMsMax) {
      return this.#observeLate(series, isBroken, Math.min(newestMs, nowMs) - timeMs);
    }
    this.#newestMs[series] = timeMs;
    switch (this.#phase[series]) {
      case PHASE.normal:
        return isBroken ? this.#begin(series, timeMs) : TRANSITION.none;
      case PHASE.pending:
        if (isBroken) return this.#raiseIfLongEnough(series, timeMs);
        if (isGood) this.#phase[series] = PHASE.normal;
        return TRANSITION.none;
      default:
        if (isBroken) return TRANSITION.met;
        if (!isGood || !(this.#hasHysteresis ? signed < this.#clear : true)) return TRANSITION.none;
        this.#phase[series] = PHASE.normal;
        return TRANSITION.cleared;
    }
  }

  state(series: number): DetectorState | null {
    const newestMs = this.#newestMs[series];
    if (newestMs === undefined || newestMs === -Infinity) return null;
    const phase = this.#phase[series];
    return {
      newestMs,
      pendingSinceMs: phase === PHASE.pending ? this.#pendingSinceMs[series] : null,
      isRaised: phase === PHASE.raised,
    };
  }

  restore(series: number, state: DetectorState): void {
    if (series >= this.#phase.length) this.#grow(series);
    this.#newestMs[series] = state.newestMs;
    this.#pendingSinceMs[series] = state.pendingSinceMs ?? 0;
    this.#phase[series] = state.isRaised
      ? PHASE.raised
      : state.pendingSinceMs === null
        ? PHASE.normal
        : PHASE.pending;
  }

  #observeLate(series: number, isBroken: boolean, lateMs: number): Transition {
    if (isBroken && lateMs <= this.#raiseLateMsMax) {
      if (this.#phase[series] === PHASE.raised) return TRANSITION.met;
      if (this.#forAtLeastMs === 0) {
        this.#phase[series] = PHASE.raised;
        return TRANSITION.raised;
      }
    }
    this.lateCount++;
    return TRANSITION.late;
  }

  #begin(series: number, timeMs: number): Transition {
    this.#pendingSinceMs[series] = timeMs;
    this.#phase[series] = PHASE.pending;
    return this.#raiseIfLongEnough(series, timeMs);
  }

  #raiseIfLongEnough(series: number, timeMs: number): Transition {
    // Begun by a clock that was wrong: else the delay would last until the right one gets there.
    if (timeMs < this.#pendingSinceMs[series]) this.#pendingSinceMs[series] = timeMs;
    if (timeMs - this.#pendingSinceMs[series] < this.#forAtLeastMs) return TRANSITION.none;
    this.#phase[series] = PHASE.raised;
    return TRANSITION.raised;
  }

  #grow(series: number): void {
    const length = Math.max(64, (series + 1) * 2);
    const newestMs = new Float64Array(length).fill(-Infinity);
    newestMs.set(this.#newestMs);
    const pendingSinceMs = new Float64Array(length);
    pendingSinceMs.set(this.#pendingSinceMs);
    const phase = new Uint8Array(length);
    phase.set(this.#phase);
    this.#newestMs = newestMs;
    this.#pendingSinceMs = pendingSinceMs;
    this.#phase = phase;
  }
}
