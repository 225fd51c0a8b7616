import {
  type Detector,
  type DetectorBounds,
  type ObservedArrival,
  type ObservedReading,
  type Standing,
  TRANSITION,
  type Transition,
} from "./detector.ts";
import { LimitDetector, type LimitDetectorState, NO_SERIES } from "./limit-detector.ts";
import type { RateCondition } from "./rule-spec.ts";
import { columnLengthFor, grownColumn } from "./series-column.ts";
import { isSlopeState, SlopeCells } from "./slope-cells.ts";

export interface RateDetectorState {
  readonly kind: "rateOfChange";
  readonly newestMs: number;
  readonly cells: readonly (readonly number[])[];
  /** Null before the first slope. */
  readonly slope: LimitDetectorState | null;
}

/**
 * A limit on the slope of each series (see `SlopeCells`). Only good readings count, in order of event time: one that is
 * older than the newest of its series is without effect, so that a late reading never acts; those of the same time all
 * count. While readings do not cover half of the span the condition stays as it is.
 */
export class RateDetector implements Detector {
  readonly #slopes: SlopeCells;
  readonly #limit: LimitDetector;
  readonly #perMs: number;
  readonly #futureMsMax: number;
  #newestMs = new Float64Array(0);
  lateCount = 0;
  readonly dueAtMs = Infinity;

  constructor(
    condition: RateCondition & { readonly overMs: number },
    bounds: DetectorBounds,
    standing: Standing,
  ) {
    this.#slopes = new SlopeCells(condition.overMs);
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
    if (series >= this.#newestMs.length) this.#grow(series);
    const newestMs = this.#newestMs[series];
    if (timeMs < newestMs) {
      if (newestMs <= nowMs + this.#futureMsMax) {
        this.lateCount++;
        return TRANSITION.late;
      }
      this.#slopes.clear(series);
    }
    if (!this.#slopes.add(series, timeMs, value)) return TRANSITION.none;
    this.#newestMs[series] = timeMs;
    const slope = this.#slopeOf(series);
    return Number.isNaN(slope) ? TRANSITION.none : this.#limit.judge(series, slope, timeMs, true, nowMs);
  }

  /** Each reading counts for the slope. */
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

  /** The slope. */
  measure(series: number): number {
    return this.#slopeOf(series);
  }

  isActingOn(): boolean {
    return true;
  }

  state(series: number): RateDetectorState | null {
    const newestMs = this.#newestMs[series];
    if (newestMs === undefined || newestMs === -Infinity) return null;
    return {
      kind: "rateOfChange",
      newestMs,
      cells: this.#slopes.state(series),
      slope: this.#limit.state(series),
    };
  }

  restore(series: number, state: unknown): boolean {
    if (!isRateState(state)) return false;
    if (series >= this.#newestMs.length) this.#grow(series);
    this.#newestMs[series] = state.newestMs;
    this.#slopes.restore(series, state.cells);
    if (state.slope !== null) this.#limit.restore(series, state.slope);
    return true;
  }

  forget(series: number): boolean {
    return this.#limit.forget(series);
  }

  #slopeOf(series: number): number {
    return this.#slopes.slope(series, this.#newestMs[series]) * this.#perMs;
  }

  #grow(series: number): void {
    const longer = new Float64Array(columnLengthFor(series)).fill(-Infinity);
    this.#newestMs = grownColumn(this.#newestMs, longer);
  }
}

function isRateState(state: unknown): state is RateDetectorState {
  if (typeof state !== "object" || state === null || !("kind" in state)) return false;
  if (state.kind !== "rateOfChange" || !("newestMs" in state && "cells" in state && "slope" in state))
    return false;
  return Number.isFinite(state.newestMs) && isSlopeState(state.cells);
}
