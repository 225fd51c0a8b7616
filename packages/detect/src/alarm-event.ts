import type { Labels } from "@millrace/stream";
import type { LevelName } from "./detector.ts";

/** One step in the life of one alarm or of its action. `packages/wire` carries the same shape to central. */
export interface AlarmEvent {
  /** Stable from the alarm's activation to its end; unique per agent; the same when the same readings are replayed. */
  readonly id: string;
  /** Counts up per alarm, from 1; a greater one replaces a smaller one. */
  readonly step: number;
  readonly rule: string;
  readonly metric: string;
  readonly labels: Labels;
  /** The rule's or level's, or the action's `escalateSeverity` while a command stays unconfirmed. */
  readonly severity: number;
  /** The condition holds, or the alarm is latched. */
  readonly isActive: boolean;
  readonly isLatched: boolean;
  /** No eligible reading has met the condition so far: no action, no notification. */
  readonly isHistorical: boolean;
  /** Event time of the latest activation. */
  readonly activeAtMs: number;
  /** Event time of the return to normal; null while the condition holds. */
  readonly clearedAtMs: number | null;
  /** Event time of the reading behind this step; the agent's clock where the step is no reading's. */
  readonly timeMs: number;
  /** What was compared with the limit: the reading's value, a slope, or seconds of silence. */
  readonly value: number;
  readonly limit: number;
  readonly action: ActionState;
  readonly command: CommandRecord | null;
  readonly message: string;
  /** Of a condition with levels: the one that it is at, or was at last. */
  readonly level?: LevelName;
  /** Of `value` and `limit`, where it is not the metric's. */
  readonly unit?: string;
  /** ISA-18.2: its series is in maintenance; the alarm is there, and never acts. */
  readonly isSuppressed?: true;
  /** A command that was due and has not been sent. It is once nothing holds it any more, if it is still needed then. */
  readonly heldBack?: HeldBack;
  /** Why an alarm is over whose condition may hold all the same: its rule was changed. */
  readonly endReason?: EndReason;
  /** Of a rule on records: those that have raised it, in order of time. */
  readonly evidence?: readonly RecordEvidence[];
  /** Of a rule that central judges on windows: the one that has raised it or brought it to its level; of silence, the last one. */
  readonly window?: AlarmWindow;
  /** Who reset it. */
  readonly by?: string;
}

/** The window that an alarm is made of, as it was judged last. */
export interface AlarmWindow {
  readonly name: string;
  /** Which of its results; "" where it is the silence. */
  readonly value: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly revision: number;
  /** False: some of the expected agents have not handed over everything of it. */
  readonly isComplete: boolean;
  readonly agentsExpected: number;
  readonly agentsReporting: number;
  /** The first of those that have not; at most 16. */
  readonly agentsMissing: readonly string[];
}

/** A record that an alarm is made of. */
export interface RecordEvidence {
  readonly id: string;
  readonly timeMs: number;
  /** What the rule counts: the payee. */
  readonly labels: Labels;
  /** Of the rule's metric. */
  readonly value: number;
}

/**
 * `condition_changed`: its rule looks at something else now, or has a condition of another kind. `withdrawn`: records that came
 * late have shown that it was not so. `forgotten`: there was more to be kept than is.
 */
export type EndReason = "rule_removed" | "condition_changed" | "withdrawn" | "forgotten";

/** `at_most_per_minute`: the action's own bound. */
export type HeldBack = "maintenance" | "at_most_per_minute";

export type ActionState = "none" | "dry_run" | "commanded" | "confirmed" | "retrying" | "unconfirmed";

/** A command as the alarm's history shows it. */
export interface CommandRecord {
  /** The same in every retry, so that a device can tell a repetition from a new command. */
  readonly id: string;
  readonly topic: string;
  /** As sent (of the latest sending). */
  readonly payload: string;
  /** 1 for the first sending. */
  readonly attempt: number;
  /** Agent's clock, ms, of the first sending. */
  readonly commandedAtMs: number;
  readonly confirmedAtMs: number | null;
  /** Arrival of the reading to the decision that hands the command over, ms (monotonic clock). */
  readonly latencyMs: number;
}
