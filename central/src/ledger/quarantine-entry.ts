import { RECORD_REFUSAL_REASONS } from "@millrace/wire";
import { REJECT_REASONS } from "./central-ledger.ts";

/** Why readings of a message that was taken, or a record that could be read, are in no window. */
const NOTED_REASONS = ["too_late", "future", "foreign_site", "set_aside"] as const;
export type NotedReason = (typeof NOTED_REASONS)[number];

/**
 * `too_late`, `future`, `foreign_site`: the message was taken, but for the readings that its detail counts. `unreadable`: a batch of
 * records, as Kafka has it, that begins there, or, with topic `log`, where the detail says.
 */
export const QUARANTINE_REASONS = [
  ...new Set([...REJECT_REASONS, ...NOTED_REASONS, ...RECORD_REFUSAL_REASONS, "unreadable" as const]),
];

/** One message that was not taken, or not whole: why, and how it begins. */
export interface QuarantineEntry {
  /** Its name for good: later ones have greater ones. */
  readonly number: number;
  readonly atMs: number;
  readonly agent: string;
  readonly topic: string;
  /** Of a record: where it stands. `agent` is its stream and partition then, and `topic` is `records`. */
  readonly record?: {
    readonly stream: string;
    /** Kafka's; absent where it was posted. */
    readonly topic?: string;
    readonly partition: number;
    readonly offset: number;
  };
  readonly reason: (typeof QUARANTINE_REASONS)[number];
  readonly detail: string;
  readonly byteCount: number;
  /** The first bytes, base64. */
  readonly head: string;
}
