import type { Reading } from "@millrace/stream";
import type { RuleSpec } from "./rule-spec.ts";

/**
 * What a reading did. `met`: the reading breaks the limit of a condition that is already raised. `late`: older than the
 * newest reading of its series, and without effect. `moved`: the condition stays raised, at another level.
 */
export const TRANSITION = { none: 0, raised: 1, cleared: 2, met: 3, late: 4, moved: 5 } as const;
export type Transition = (typeof TRANSITION)[keyof typeof TRANSITION];

/** The limits of `levels`; the outer ones are the worse. */
export const LEVEL_NAMES = ["highHigh", "lowLow", "high", "low"] as const;
export type LevelName = (typeof LEVEL_NAMES)[number];

/** What an alarm shows of its condition, beside the reading. */
export interface Standing {
  /** Null where the condition has no levels. */
  readonly level: LevelName | null;
  readonly severity: number;
  readonly limit: number;
  /** Whether the rule's action, if any, is for this level. */
  readonly isActing: boolean;
}

export type ObservedReading = Pick<Reading, "value" | "timeMs" | "quality">;

/** Good readings of one series, one after another, whose times do not go back. */
export interface ObservedRun {
  readonly firstMs: number;
  readonly leastValue: number;
  readonly greatestValue: number;
}

/** How a reading came, as far as detectors ask. */
export interface ObservedArrival {
  /** Agent's wall clock, ms; it may jump. */
  readonly nowMs: number;
  /** A stored message delivered to a new subscription. */
  readonly isRetained: boolean;
  /** From the redo log after a restart, or from a recording. */
  readonly isReplayed: boolean;
}

/**
 * One condition over many series, numbered 0, 1, 2 …: what the rule engine needs of whatever watches readings. Pure, and
 * a reading that changes nothing allocates nothing.
 */
export interface Detector {
  /** Readings without effect because a newer one of their series had been seen. */
  readonly lateCount: number;
  /** Awake time (see `AwakeClock`) at which `onTick` is due, not later than that; Infinity where time alone changes nothing. */
  readonly dueAtMs: number;

  /** @param awakeMs see `AwakeClock`. */
  observe(series: number, reading: ObservedReading, arrival: ObservedArrival, awakeMs: number): Transition;
  /**
   * Whether such a run, taken in at one time, gives `none` throughout and leaves behind what its last reading leaves behind
   * by itself. False where that is not certain.
   */
  isQuiet(series: number, run: ObservedRun): boolean;
  /** Series that time alone has raised. */
  onTick(awakeMs: number): readonly number[];
  /** Whether time alone meets the condition now: there need be no reading to act on. */
  isMetByTime(series: number, awakeMs: number): boolean;
  isRaised(series: number): boolean;
  /** Of a raised series. */
  standing(series: number): Standing;
  /** What the alarm shows as its value: what was compared with the limit. */
  measure(series: number, value: number): number;
  /** Whether a reading that raised, moved or met the condition breaks a limit that the action is for. */
  isActingOn(series: number, value: number): boolean;
  /** One series' state as plain JSON, for checkpoints; null where there is nothing to keep. */
  state(series: number): DetectorState | null;
  /**
   * False, and the series begins anew, where the state is not of this kind of detector: the rule was changed.
   * @param awakeMs now: what the state does not tell of time counts from here.
   */
  restore(series: number, state: unknown, awakeMs: number): boolean;
  /** The series will not be heard of again: its condition is over. False where it is not raised. */
  forget(series: number): boolean;
}

export type DetectorState = object;

export interface DetectorBounds {
  /** A reading that breaks the limit may raise it though it is this much older than the newest of its series. */
  readonly raiseLateMsMax: number;
  /** A newest time further ahead of the agent's clock than this came from a clock that was wrong: it is forgotten. */
  readonly futureMsMax: number;
}

/** The standing of a condition without levels. */
export function plainStanding(rule: Pick<RuleSpec, "severity">, limit: number): Standing {
  return { level: null, severity: rule.severity, limit, isActing: true };
}
