import type { RejectReason } from "./central-ledger.ts";

/** Messages kept; the oldest gives way. */
export const QUARANTINE_ENTRIES_MAX = 1_000;
/** Of each message, its beginning. */
export const QUARANTINE_BYTES_MAX = 256;
/** Taken between two commits; more are only counted. */
const QUARANTINE_WAITING_MAX = 100;

/** One message that was not taken: why, and how it begins. */
export interface QuarantineEntry {
  readonly number: number;
  readonly atMs: number;
  readonly agent: string;
  readonly topic: string;
  readonly reason: RejectReason;
  readonly detail: string;
  readonly byteCount: number;
  /** The first bytes, base64. */
  readonly head: string;
}

/** Bad messages on their way into the store. */
export class Quarantine {
  #nextNumber: number;
  #waiting: QuarantineEntry[] = [];

  constructor(nextNumber: number) {
    this.#nextNumber = nextNumber;
  }

  keep(
    entry: Omit<QuarantineEntry, "number" | "head" | "byteCount"> & { readonly payload: Uint8Array },
  ): void {
    if (this.#waiting.length >= QUARANTINE_WAITING_MAX) return;
    const { payload, ...rest } = entry;
    const head = Buffer.from(payload.subarray(0, QUARANTINE_BYTES_MAX)).toString("base64");
    this.#waiting.push({ ...rest, number: this.#nextNumber, byteCount: payload.length, head });
    this.#nextNumber += 1;
  }

  /** Entries to store, and the numbers that they push out. */
  takeWaiting(): { entries: QuarantineEntry[]; forgotten: number[] } {
    const entries = this.#waiting;
    this.#waiting = [];
    const forgotten = entries
      .map((entry) => entry.number - QUARANTINE_ENTRIES_MAX)
      .filter((number) => number >= 0);
    return { entries, forgotten };
  }
}
