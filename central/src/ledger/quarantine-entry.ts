import type { RecordRefusalReason } from "@millrace/wire";
import type { RejectReason } from "./central-ledger.ts";

/** Why readings of a message that was taken, or a record that could be read, are in no window. */
export type NotedReason = "too_late" | "future" | "foreign_site" | "set_aside";

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
  /**
   * `too_late`, `future`, `foreign_site`: the message was taken, but for the readings that `detail` counts. `unreadable`: a
   * batch of records, as Kafka has it, that begins there, or, with topic `log`, where `detail` says.
   */
  readonly reason: RejectReason | NotedReason | RecordRefusalReason | "unreadable";
  readonly detail: string;
  readonly byteCount: number;
  /** The first bytes, base64. */
  readonly head: string;
}
