import {
  type Detector,
  type DetectorBounds,
  LEVEL_NAMES,
  type LevelName,
  type ObservedArrival,
  type ObservedReading,
  type ObservedRun,
  type Standing,
  TRANSITION,
  type Transition,
} from "./detector.ts";
import { LimitDetector, type LimitDetectorState, NO_SERIES } from "./limit-detector.ts";
import type { LevelsCondition } from "./rule-spec.ts";

export interface LevelsDetectorState {
  readonly kind: "levels";
  readonly levels: Readonly<Partial<Record<LevelName, LimitDetectorState>>>;
}

/**
 * Up to four limits over many series, each with hysteresis and on-delay of its own as in `LimitDetector`; the level of a
 * series is the worst that is raised. Exclusive: one condition that escalates and de-escalates, never two at once.
 */
export class LevelsDetector implements Detector {
  /** The worst first. */
  readonly #levels: readonly { readonly limit: LimitDetector; readonly standing: Standing }[];
  lateCount = 0;
  readonly dueAtMs = Infinity;

  constructor(
    condition: LevelsCondition,
    bounds: DetectorBounds,
    /** The levels that the action is for, and those beyond them; null: all. */
    atLevels: readonly LevelName[] | null,
  ) {
    const { hysteresis, forAtLeastMs } = condition;
    this.#levels = LEVEL_NAMES.flatMap((level) => {
      const spec = condition.levels[level];
      if (spec === undefined) return [];
      const isHigh = level === "high" || level === "highHigh";
      const { limit, severity } = spec;
      const clear = isHigh ? limit - hysteresis : limit + hysteresis;
      const standing = { level, severity, limit, isActing: isAtOrBeyond(level, atLevels) };
      const kind = isHigh ? "above" : "below";
      return [{ limit: new LimitDetector({ kind, limit, clear, forAtLeastMs }, bounds, standing), standing }];
    });
  }

  observe(
    series: number,
    { value, timeMs, quality }: ObservedReading,
    { nowMs }: ObservedArrival,
  ): Transition {
    const before = this.#levelOf(series);
    let isMet = false;
    let isLate = true;
    for (let i = 0; i < this.#levels.length; i++) {
      const transition = this.#levels[i].limit.judge(series, value, timeMs, quality === "good", nowMs);
      if (transition !== TRANSITION.late) isLate = false;
      if (transition === TRANSITION.met) isMet = true;
    }
    const after = this.#levelOf(series);
    if (before !== after) {
      if (before < 0) return TRANSITION.raised;
      return after < 0 ? TRANSITION.cleared : TRANSITION.moved;
    }
    if (isLate) this.lateCount++;
    return isMet ? TRANSITION.met : isLate ? TRANSITION.late : TRANSITION.none;
  }

  isQuiet(series: number, run: ObservedRun): boolean {
    for (let i = 0; i < this.#levels.length; i++)
      if (!this.#levels[i].limit.isQuiet(series, run)) return false;
    return true;
  }

  onTick(): readonly number[] {
    return NO_SERIES;
  }

  isMetByTime(): boolean {
    return false;
  }

  isRaised(series: number): boolean {
    return this.#levelOf(series) >= 0;
  }

  standing(series: number): Standing {
    return this.#levels[Math.max(0, this.#levelOf(series))].standing;
  }

  measure(_series: number, value: number): number {
    return value;
  }

  isActingOn(series: number, value: number): boolean {
    return this.#levels.some(
      ({ limit, standing }) => standing.isActing && limit.isRaised(series) && limit.isBroken(value),
    );
  }

  state(series: number): LevelsDetectorState | null {
    const levels: Partial<Record<LevelName, LimitDetectorState>> = {};
    for (const { limit, standing } of this.#levels) {
      const state = limit.state(series);
      if (state === null || standing.level === null) return null;
      levels[standing.level] = state;
    }
    return { kind: "levels", levels };
  }

  /** A level that is new to the rule begins with the readings that come. */
  restore(series: number, state: unknown): boolean {
    if (typeof state !== "object" || state === null || !("kind" in state && "levels" in state)) return false;
    const { kind, levels } = state;
    if (kind !== "levels" || typeof levels !== "object" || levels === null) return false;
    for (const { limit, standing } of this.#levels)
      limit.restore(series, Object.getOwnPropertyDescriptor(levels, standing.level ?? "")?.value);
    return true;
  }

  forget(series: number): boolean {
    return this.#levels.filter(({ limit }) => limit.forget(series)).length > 0;
  }

  /** Index of the worst raised one; -1 for none. */
  #levelOf(series: number): number {
    for (let i = 0; i < this.#levels.length; i++) if (this.#levels[i].limit.isRaised(series)) return i;
    return -1;
  }
}

const BEYOND: Readonly<Partial<Record<LevelName, LevelName>>> = { highHigh: "high", lowLow: "low" };

function isAtOrBeyond(level: LevelName, atLevels: readonly LevelName[] | null): boolean {
  if (atLevels === null) return true;
  const inner = BEYOND[level];
  return atLevels.includes(level) || (inner !== undefined && atLevels.includes(inner));
}
