import type { Labels } from "@millrace/stream";

/** One step in the life of one alarm or of its action. `packages/wire` carries the same shape to central. */
export interface AlarmEvent {
  /** Stable from the alarm's activation to its end; unique per agent; the same when the same readings are replayed. */
  readonly id: string;
  /** Counts up per alarm, from 1; a greater one replaces a smaller one. */
  readonly step: number;
  readonly rule: string;
  readonly metric: string;
  readonly labels: Labels;
  /** The rule's, or the action's `escalateSeverity` while a command stays unconfirmed. */
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
  /** Event time and value of the reading behind this step; the agent's clock where the step is a reset. */
  readonly timeMs: number;
  readonly value: number;
  readonly limit: number;
  readonly action: ActionState;
  readonly command: CommandRecord | null;
  readonly message: string;
}

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
