import type { RecordRefusalReason } from "@millrace/wire";
import type { RejectReason } from "./central-ledger.ts";

/** Messages kept; the oldest gives way. */
export const QUARANTINE_ENTRIES_MAX = 1_000;
/** Of each message, its beginning. */
export const QUARANTINE_BYTES_MAX = 256;
/** Taken between two commits; more are only counted. */
const QUARANTINE_WAITING_MAX = 100;

/** Of these, notes of readings that were not taken, for each reason: one late backlog must not push everything else out. */
const NOTES_WAITING_MAX = 4;

const NOTED_REASONS = ["too_late", "future", "foreign_site", "set_aside"] as const;
/** Why readings of a message that was taken, or a record that could be read, are in no window. */
export type NotedReason = (typeof NOTED_REASONS)[number];

/** They may be many at once. */
const NOTED: ReadonlySet<string> = new Set(NOTED_REASONS);

/** One message that was not taken, or not whole: why, and how it begins. */
export interface QuarantineEntry {
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

/** Bad messages on their way into the store. */
export class Quarantine {
  #nextNumber: number;
  #waiting: QuarantineEntry[] = [];
  readonly #notesWaiting = new Map<string, number>();

  constructor(nextNumber: number) {
    this.#nextNumber = nextNumber;
  }

  /** That have gone in since the store was made. */
  get entryCount(): number {
    return this.#nextNumber;
  }

  keep(
    entry: Omit<QuarantineEntry, "number" | "head" | "byteCount"> & { readonly payload: Uint8Array },
  ): void {
    if (this.#waiting.length >= QUARANTINE_WAITING_MAX) return;
    if (NOTED.has(entry.reason)) {
      const waiting = this.#notesWaiting.get(entry.reason) ?? 0;
      if (waiting >= NOTES_WAITING_MAX) return;
      this.#notesWaiting.set(entry.reason, waiting + 1);
    }
    const { payload, ...rest } = entry;
    const head = Buffer.from(payload.subarray(0, QUARANTINE_BYTES_MAX)).toString("base64");
    this.#waiting.push({ ...rest, number: this.#nextNumber, byteCount: payload.length, head });
    this.#nextNumber += 1;
  }

  /** Entries to store, and the numbers that they push out. */
  takeWaiting(): { entries: QuarantineEntry[]; forgotten: number[] } {
    const entries = this.#waiting;
    this.#waiting = [];
    this.#notesWaiting.clear();
    const forgotten = entries
      .map((entry) => entry.number - QUARANTINE_ENTRIES_MAX)
      .filter((number) => number >= 0);
    return { entries, forgotten };
  }
}
