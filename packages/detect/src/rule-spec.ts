import type { LevelName } from "./detector.ts";

/**
 * A rule on every reading of one metric, or on one result of its windows, as the pipeline file defines it: one alarm per
 * series or group that meets the condition.
 */
export interface RuleSpec {
  /** Unique among the rules; part of every alarm's id. */
  readonly name: string;
  readonly metric: string;
  /** Only of a rule on windows: which, and which of their results; of an agent's, the labels of their groups. */
  readonly window?: { readonly name: string; readonly value: string; readonly by?: readonly string[] };
  readonly when: Condition;
  /** 1 (least) to 1000 (most urgent), as in OPC UA Part 9. The levels of a `levels` condition have their own. */
  readonly severity: number;
  /** Of what is compared with the limit, where it is not the metric's. */
  readonly unit?: string;
  /** For people; goes into the alarm as it is. */
  readonly message: string;
  readonly action: ActionSpec | null;
}

/** A rule that central judges, on one result of the windows of all sites, or of records. Nothing acts on it. */
export interface WindowRuleSpec extends RuleSpec {
  readonly window: { readonly name: string; readonly value: string };
  readonly action: null;
  /** The state in which a window is judged first; `complete` takes those that were waited for in vain, too. */
  readonly judgedAt: "provisional" | "complete" | "final";
  /** Of the expected agents, the share that must have handed over everything of a window before it is judged; 0 to 1. */
  readonly reportingMin: number;
  /** The alarm stays until somebody resets it, also when the condition has returned to normal. */
  readonly isLatched: boolean;
}

/** What a rule looks at, as `RuleReading.metric`: no metric has a name with a dot. */
export function ruleInput({ metric, window }: Pick<RuleSpec, "metric" | "window">): string {
  return window === undefined ? metric : `${window.name}.${window.value}`;
}

export type Condition = LimitCondition | LevelsCondition | RateCondition | StuckCondition | MissingCondition;

/**
 * above: raised by `value > limit`, returns to normal at `value < clear` (`clear <= limit`).
 * below: raised by `value < limit`, returns to normal at `value > clear` (`clear >= limit`).
 * Where `clear` equals `limit` there is no hysteresis: whatever does not break the limit is normal.
 */
export interface LimitCondition {
  readonly kind: "above" | "below";
  readonly limit: number;
  readonly clear: number;
  /** The limit must stay broken this long, in event time, before the alarm is raised; 0 raises at once. */
  readonly forAtLeastMs: number;
}

/**
 * One to four limits, lowLow < low < high < highHigh: one alarm, at the worst level that is broken (OPC UA Part 9,
 * ExclusiveLimitAlarmType). A level is left where the value is `hysteresis` inside its limit; `forAtLeastMs` is each level's.
 */
export interface LevelsCondition {
  readonly kind: "levels";
  readonly levels: Readonly<Partial<Record<LevelName, LevelSpec>>>;
  readonly hysteresis: number;
  readonly forAtLeastMs: number;
}

export interface LevelSpec {
  readonly limit: number;
  readonly severity: number;
}

/**
 * The slope of the last `overMs` of event time, per `perMs`, is above or below a limit. `overMs` null, of windows: the slope from
 * each result to the next.
 */
export interface RateCondition {
  readonly kind: "rateOfChange";
  readonly slope: LimitCondition;
  readonly perMs: number;
  readonly overMs: number | null;
}

/** The value has not moved by more than `within` for `forMs` of event time, while readings kept coming. */
export interface StuckCondition {
  readonly kind: "stuck";
  readonly forMs: number;
  readonly within: number;
  /** Added to `forMs`. */
  readonly forAtLeastMs: number;
}

/** A series that has been heard is silent for `forMs` and `forAtLeastMs`. */
export interface MissingCondition {
  readonly kind: "missing";
  readonly forMs: number;
  readonly forAtLeastMs: number;
}

/** What is done about an alarm: publish a command, expect its confirmation, try again, escalate. */
export interface ActionSpec {
  /** Topic of the command; `{label}` stands for the series' label. No wildcards. */
  readonly topicTemplate: string;
  /** Goes out as the `command` field of the command's JSON (see `commandPayload`). */
  readonly payload: string;
  readonly confirm: ConfirmSpec | null;
  /** How many times an unconfirmed command goes out again after the first. */
  readonly retryMax: number;
  /** Each sending carries `validUntil` = now + this; a device must not obey a command after it. */
  readonly validForMs: number;
  /** The alarm stays until somebody resets it, also when the condition has returned to normal. */
  readonly isLatched: boolean;
  /** False: dry run, everything but the sending. */
  readonly isArmed: boolean;
  /** Severity of an alarm whose command stayed unconfirmed; at least the rule's. */
  readonly escalateSeverity: number;
  /** Commands to one topic a minute, repetitions not counted; null: no bound. */
  readonly perMinuteMax: number | null;
  /** With `levels`: the levels that act, and those beyond them; null: all. */
  readonly atLevels: readonly LevelName[] | null;
}

export interface ConfirmSpec {
  /** Topic on which the machine answers; `{label}` as in `topicTemplate`, `{commandId}` the command's id. */
  readonly topic: string;
  /** The text that confirms, or the same as a JSON string; `{commandId}` as in `topic`. */
  readonly equals: string;
  readonly withinMs: number;
  /** How an answer names the command that it answers, beside topic and text; null: it need not. */
  readonly match: ConfirmMatch | null;
}

/**
 * json: the answer is JSON, with the command's id at one path and `equals` at another.
 * correlation: the command is sent with its id as MQTT 5 correlation data, and the answer brings it back.
 */
export type ConfirmMatch =
  | { readonly kind: "json"; readonly id: AnswerPath; readonly value: AnswerPath }
  | { readonly kind: "correlation" };

/** Names and indexes, outermost first. */
export type AnswerPath = readonly (string | number)[];
