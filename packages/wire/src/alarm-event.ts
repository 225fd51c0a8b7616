import type { Labels } from "@millrace/stream";

/** The body of a batch of kind `alarms` is a JSON array of these (UTF-8). One step in the life of one alarm or action. */
export interface AlarmEvent {
  /** The alarm's id: stable from its activation to its end; unique per agent. */
  readonly id: string;
  /** Counts up per alarm; a greater one replaces a smaller one. */
  readonly step: number;
  readonly rule: string;
  readonly metric: string;
  readonly labels: Labels;
  readonly severity: number;
  /** ISA-18.2 / OPC UA Part 9: two independent facts. `isActive`: the condition holds (or is latched). */
  readonly isActive: boolean;
  readonly isLatched: boolean;
  /** From a stale, retained, replayed or not good reading: no action, no notification. */
  readonly isHistorical: boolean;
  readonly activeAtMs: number;
  readonly clearedAtMs: number | null;
  /** Event time and value of the reading that made this step. */
  readonly timeMs: number;
  readonly value: number;
  readonly limit: number;
  /** The action, when the rule has one: none | dry_run | commanded | confirmed | retrying | unconfirmed. */
  readonly action: ActionState;
  readonly command: CommandRecord | null;
  readonly message: string;
  /** Of a condition with levels: the one that it is at, or was at last. */
  readonly level?: string;
  /** Of `value` and `limit`, where it is not the metric's. */
  readonly unit?: string;
  /** ISA-18.2: its series is in maintenance; the alarm is there, and never acts. */
  readonly isSuppressed?: true;
  /** What holds back a command that is due: maintenance | at_most_per_minute. */
  readonly heldBack?: string;
  /** Why an alarm is over whose condition may hold all the same: rule_removed | condition_changed; of records: withdrawn | forgotten. */
  readonly endReason?: string;
  /** Of a rule on records, which central judges: those that have raised it, in order of time. */
  readonly evidence?: readonly RecordEvidence[];
  /** Of a rule on windows that central judges: the one that has raised it or brought it to its level; of silence, the last one. */
  readonly window?: AlarmWindow;
  /** Whose doing this step is, where it is a person's or a topic's: a reset, a maintenance, a reload. */
  readonly by?: string;
}

export interface RecordEvidence {
  readonly id: string;
  readonly timeMs: number;
  /** What the rule counts: the payee. */
  readonly labels: Labels;
  /** Of the rule's metric. */
  readonly value: number;
}

/** A window as a rule judged it last. */
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
  /** The first 16 of those that have not. */
  readonly agentsMissing: readonly string[];
}

export type ActionState = "none" | "dry_run" | "commanded" | "confirmed" | "retrying" | "unconfirmed";

export interface CommandRecord {
  readonly id: string;
  readonly topic: string;
  readonly payload: string;
  readonly attempt: number;
  readonly commandedAtMs: number;
  readonly confirmedAtMs: number | null;
  /** Arrival of the reading to the hand-over of the command, ms (monotonic clock). */
  readonly latencyMs: number;
}
