import type { AlarmEvent } from "./alarm-event.ts";

/** What the rules ask the agent to do; each command before the event that tells of it. */
export type Outcome = PublishOutcome | EventOutcome;

/** Send now, QoS 1, never retained; do not wait for the disk. */
export interface PublishOutcome {
  readonly type: "publish";
  readonly alarmId: string;
  readonly rule: string;
  readonly commandId: string;
  readonly attempt: number;
  readonly topic: string;
  readonly payload: string;
  readonly validUntilMs: number;
  /** Where the machine is to answer with the command's id as MQTT 5 correlation data; null: it need not bring it back. */
  readonly responseTopic: string | null;
  /** Arrival of the reading that causes it until the first attempt, ms. */
  readonly latencyMs: number;
}

/** Record, forward and show. Those with `isActionStep` belong in the audit trail. */
export interface EventOutcome {
  readonly type: "event";
  readonly event: AlarmEvent;
  readonly isActionStep: boolean;
}

/** Shared by every call in which nothing happens. */
export const NOTHING: readonly Outcome[] = Object.freeze([]);
