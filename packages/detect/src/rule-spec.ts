/** A rule on every reading of one metric, as the pipeline file defines it: one alarm per series that breaks the limit. */
export interface RuleSpec {
  /** Unique among the rules; part of every alarm's id. */
  readonly name: string;
  readonly metric: string;
  readonly when: LimitCondition;
  /** 1 (least) to 1000 (most urgent), as in OPC UA Part 9. */
  readonly severity: number;
  /** For people; goes into the alarm as it is. */
  readonly message: string;
  readonly action: ActionSpec | null;
}

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
}

export interface ConfirmSpec {
  /** Topic on which the machine answers; `{label}` as in `topicTemplate`. */
  readonly topic: string;
  /** The text that confirms, or the same as a JSON string. */
  readonly equals: string;
  readonly withinMs: number;
}
