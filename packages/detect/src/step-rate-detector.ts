import {
  type Detector,
  type DetectorBounds,
  type ObservedArrival,
  type ObservedReading,
  type Standing,
  TRANSITION,
  type Transition,
} from "./detector.ts";
import { isLimitState, LimitDetector, type LimitDetectorState, NO_SERIES } from "./limit-detector.ts";
import type { RateCondition } from "./rule-spec.ts";

export interface StepRateDetectorState {
  readonly kind: "stepRate";
  readonly newestMs: number;
  readonly value: number;
  /** Null before the second result. */
  readonly rate: LimitDetectorState | null;
}

interface Newest {
  readonly timeMs: number;
  readonly value: number;
  readonly rate: number;
}

/**
 * A limit on how fast each result of a window differs from the one before it, whatever lies between the two. Results that are
 * not later than the newest of their series, or not good, are without effect.
 */
export class StepRateDetector implements Detector {
  readonly #limit: LimitDetector;
  readonly #perMs: number;
  readonly #futureMsMax: number;
  readonly #newest: (Newest | undefined)[] = [];
  lateCount = 0;
  readonly dueAtMs = Infinity;

  constructor(condition: RateCondition, bounds: DetectorBounds, standing: Standing) {
    this.#limit = new LimitDetector(condition.slope, bounds, standing);
    this.#perMs = condition.perMs;
    this.#futureMsMax = bounds.futureMsMax;
  }

  observe(
    series: number,
    { value, timeMs, quality }: ObservedReading,
    { nowMs }: ObservedArrival,
  ): Transition {
    if (quality !== "good") return TRANSITION.none;
    const newest = this.#newest[series];
    if (newest === undefined || newest.timeMs > nowMs + this.#futureMsMax) {
      this.#newest[series] = { timeMs, value, rate: NaN };
      return TRANSITION.none;
    }
    if (timeMs <= newest.timeMs) {
      this.lateCount++;
      return TRANSITION.late;
    }
    const rate = toFinite(((value - newest.value) / (timeMs - newest.timeMs)) * this.#perMs);
    this.#newest[series] = { timeMs, value, rate };
    return this.#limit.judge(series, rate, timeMs, true, nowMs);
  }

  /** Each result counts for the rate. */
  isQuiet(): boolean {
    return false;
  }

  onTick(): readonly number[] {
    return NO_SERIES;
  }

  isMetByTime(): boolean {
    return false;
  }

  isRaised(series: number): boolean {
    return this.#limit.isRaised(series);
  }

  standing(): Standing {
    return this.#limit.standing();
  }

  /** The rate. */
  measure(series: number): number {
    return this.#newest[series]?.rate ?? NaN;
  }

  isActingOn(): boolean {
    return true;
  }

  state(series: number): StepRateDetectorState | null {
    const newest = this.#newest[series];
    if (newest === undefined) return null;
    const { timeMs: newestMs, value } = newest;
    return { kind: "stepRate", newestMs, value, rate: this.#limit.state(series) };
  }

  restore(series: number, state: unknown): boolean {
    if (!isStepRateState(state)) return false;
    this.#newest[series] = { timeMs: state.newestMs, value: state.value, rate: NaN };
    if (state.rate !== null) this.#limit.restore(series, state.rate);
    return true;
  }

  forget(series: number): boolean {
    return this.#limit.forget(series);
  }
}

/** Infinity cannot be stored, or told. */
function toFinite(rate: number): number {
  return Math.min(Math.max(rate, -Number.MAX_VALUE), Number.MAX_VALUE);
}

function isStepRateState(state: unknown): state is StepRateDetectorState {
  if (typeof state !== "object" || state === null || !("kind" in state)) return false;
  if (state.kind !== "stepRate" || !("newestMs" in state && "value" in state && "rate" in state))
    return false;
  const { newestMs, value, rate } = state;
  return Number.isFinite(newestMs) && Number.isFinite(value) && (rate === null || isLimitState(rate));
}
