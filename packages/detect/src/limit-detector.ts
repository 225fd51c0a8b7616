import {
  type Detector,
  type DetectorBounds,
  type ObservedArrival,
  type ObservedReading,
  type ObservedRun,
  type Standing,
  TRANSITION,
  type Transition,
} from "./detector.ts";
import type { LimitCondition } from "./rule-spec.ts";
import { columnLengthFor, grownColumn } from "./series-column.ts";

const PHASE = { normal: 0, pending: 1, raised: 2 } as const;

/** One series' state, for checkpoints. Times are event time, ms. */
export interface LimitDetectorState {
  readonly newestMs: number;
  /** Since when the limit is broken without interruption, while the condition waits for `forAtLeastMs`. */
  readonly pendingSinceMs: number | null;
  readonly isRaised: boolean;
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
export class LimitDetector implements Detector {
  readonly #sign: 1 | -1;
  readonly #limit: number;
  readonly #clear: number;
  readonly #hasHysteresis: boolean;
  readonly #forAtLeastMs: number;
  readonly #raiseLateMsMax: number;
  readonly #futureMsMax: number;
  readonly #standing: Standing;
  #newestMs = new Float64Array(0);
  #pendingSinceMs = new Float64Array(0);
  #phase = new Uint8Array(0);
  /** Readings without effect because a newer one of their series had been seen. */
  lateCount = 0;
  readonly dueAtMs = Infinity;

  constructor(condition: LimitCondition, bounds: DetectorBounds, standing: Standing) {
    this.#standing = standing;
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

  observe(
    series: number,
    { value, timeMs, quality }: ObservedReading,
    { nowMs }: ObservedArrival,
  ): Transition {
    return this.judge(series, value, timeMs, quality === "good", nowMs);
  }

  /** The same without an object: for detectors that compare something else than the reading's value. */
  judge(series: number, value: number, timeMs: number, isGood: boolean, nowMs: number): Transition {
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

  isQuiet(series: number, { firstMs, leastValue, greatestValue }: ObservedRun): boolean {
    if (series >= this.#phase.length || this.#phase[series] !== PHASE.normal) return false;
    return firstMs >= this.#newestMs[series] && !this.isBroken(this.#sign > 0 ? greatestValue : leastValue);
  }

  onTick(): readonly number[] {
    return NO_SERIES;
  }

  isMetByTime(): boolean {
    return false;
  }

  isRaised(series: number): boolean {
    return this.#phase[series] === PHASE.raised;
  }

  standing(): Standing {
    return this.#standing;
  }

  measure(_series: number, value: number): number {
    return value;
  }

  isActingOn(): boolean {
    return this.#standing.isActing;
  }

  /** Whether the value lies beyond the limit, whatever came before it. */
  isBroken(value: number): boolean {
    return value * this.#sign > this.#limit;
  }

  state(series: number): LimitDetectorState | null {
    const newestMs = this.#newestMs[series];
    if (newestMs === undefined || newestMs === -Infinity) return null;
    const phase = this.#phase[series];
    return {
      newestMs,
      pendingSinceMs: phase === PHASE.pending ? this.#pendingSinceMs[series] : null,
      isRaised: phase === PHASE.raised,
    };
  }

  restore(series: number, state: unknown): boolean {
    if (!isLimitState(state)) return false;
    if (series >= this.#phase.length) this.#grow(series);
    this.#newestMs[series] = state.newestMs;
    this.#pendingSinceMs[series] = state.pendingSinceMs ?? 0;
    this.#phase[series] = state.isRaised
      ? PHASE.raised
      : state.pendingSinceMs === null
        ? PHASE.normal
        : PHASE.pending;
    return true;
  }

  forget(series: number): boolean {
    if (!this.isRaised(series)) return false;
    this.#phase[series] = PHASE.normal;
    return true;
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
    const length = columnLengthFor(series);
    this.#newestMs = grownColumn(this.#newestMs, new Float64Array(length).fill(-Infinity));
    this.#pendingSinceMs = grownColumn(this.#pendingSinceMs, new Float64Array(length));
    this.#phase = grownColumn(this.#phase, new Uint8Array(length));
  }
}

/** Shared by every detector that time alone does not raise. */
export const NO_SERIES: readonly number[] = Object.freeze([]);

export function isLimitState(state: unknown): state is LimitDetectorState {
  if (typeof state !== "object" || state === null) return false;
  if (!("newestMs" in state && "pendingSinceMs" in state && "isRaised" in state)) return false;
  const { newestMs, pendingSinceMs, isRaised } = state;
  return (
    Number.isFinite(newestMs) &&
    (pendingSinceMs === null || Number.isFinite(pendingSinceMs)) &&
    typeof isRaised === "boolean"
  );
}
