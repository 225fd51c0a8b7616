import {
  type Detector,
  type DetectorBounds,
  type ObservedArrival,
  type ObservedReading,
  type Standing,
  TRANSITION,
  type Transition,
} from "./detector.ts";
import { NO_SERIES } from "./limit-detector.ts";
import type { StuckCondition } from "./rule-spec.ts";
import { columnLengthFor, grownColumn } from "./series-column.ts";

export interface StuckDetectorState {
  readonly kind: "stuck";
  readonly newestMs: number;
  /** The value from which it has not moved, and since when. */
  readonly value: number;
  readonly sinceMs: number;
  readonly isRaised: boolean;
}

/**
 * A value that stands still while readings keep coming, over many series. It stands still since the reading from which
 * none has differed by more than `within`; a silence longer than `forMs` begins anew, for it proves nothing. Readings that
 * are not good or older than the newest of their series are without effect.
 */
export class StuckDetector implements Detector {
  readonly #within: number;
  readonly #silenceMsMax: number;
  readonly #stillMsMin: number;
  readonly #futureMsMax: number;
  readonly #standing: Standing;
  #newestMs = new Float64Array(0);
  #value = new Float64Array(0);
  #sinceMs = new Float64Array(0);
  #isRaised = new Uint8Array(0);
  lateCount = 0;
  readonly dueAtMs = Infinity;

  constructor(condition: StuckCondition, bounds: DetectorBounds, standing: Standing) {
    this.#within = condition.within;
    this.#silenceMsMax = condition.forMs;
    this.#stillMsMin = condition.forMs + condition.forAtLeastMs;
    this.#futureMsMax = bounds.futureMsMax;
    this.#standing = standing;
  }

  observe(
    series: number,
    { value, timeMs, quality }: ObservedReading,
    { nowMs }: ObservedArrival,
  ): Transition {
    if (quality !== "good") return TRANSITION.none;
    if (series >= this.#newestMs.length) this.#grow(series);
    const newestMs = this.#newestMs[series];
    const isRaised = this.#isRaised[series] === 1;
    if (timeMs < newestMs) {
      if (newestMs <= nowMs + this.#futureMsMax) {
        this.lateCount++;
        return TRANSITION.late;
      }
      // Begun by a clock that was wrong.
      this.#sinceMs[series] = timeMs;
    } else if (!isRaised && timeMs - newestMs > this.#silenceMsMax) {
      this.#value[series] = value;
      this.#sinceMs[series] = timeMs;
    }
    this.#newestMs[series] = timeMs;
    if (Math.abs(value - this.#value[series]) > this.#within) {
      this.#value[series] = value;
      this.#sinceMs[series] = timeMs;
      this.#isRaised[series] = 0;
      return isRaised ? TRANSITION.cleared : TRANSITION.none;
    }
    if (isRaised) return TRANSITION.met;
    if (timeMs - this.#sinceMs[series] < this.#stillMsMin) return TRANSITION.none;
    this.#isRaised[series] = 1;
    return TRANSITION.raised;
  }

  /** Each reading may be the one that moves. */
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
    return this.#isRaised[series] === 1;
  }

  standing(): Standing {
    return this.#standing;
  }

  measure(_series: number, value: number): number {
    return value;
  }

  isActingOn(): boolean {
    return true;
  }

  state(series: number): StuckDetectorState | null {
    const newestMs = this.#newestMs[series];
    if (newestMs === undefined || newestMs === -Infinity) return null;
    return {
      kind: "stuck",
      newestMs,
      value: this.#value[series],
      sinceMs: this.#sinceMs[series],
      isRaised: this.isRaised(series),
    };
  }

  restore(series: number, state: unknown): boolean {
    if (!isStuckState(state)) return false;
    if (series >= this.#newestMs.length) this.#grow(series);
    this.#newestMs[series] = state.newestMs;
    this.#value[series] = state.value;
    this.#sinceMs[series] = state.sinceMs;
    this.#isRaised[series] = state.isRaised ? 1 : 0;
    return true;
  }

  forget(series: number): boolean {
    if (!this.isRaised(series)) return false;
    this.#isRaised[series] = 0;
    return true;
  }

  #grow(series: number): void {
    const length = columnLengthFor(series);
    this.#newestMs = grownColumn(this.#newestMs, new Float64Array(length).fill(-Infinity));
    this.#value = grownColumn(this.#value, new Float64Array(length));
    this.#sinceMs = grownColumn(this.#sinceMs, new Float64Array(length));
    this.#isRaised = grownColumn(this.#isRaised, new Uint8Array(length));
  }
}

function isStuckState(state: unknown): state is StuckDetectorState {
  if (typeof state !== "object" || state === null || !("kind" in state) || state.kind !== "stuck")
    return false;
  if (!("newestMs" in state && "value" in state && "sinceMs" in state && "isRaised" in state)) return false;
  const { newestMs, value, sinceMs, isRaised } = state;
  return [newestMs, value, sinceMs].every(Number.isFinite) && typeof isRaised === "boolean";
}
