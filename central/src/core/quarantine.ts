import type { RejectReason } from "./central-ledger.ts";

/** Messages kept; the oldest gives way. */
export const QUARANTINE_ENTRIES_MAX = 1_000;
/** Of each message, its beginning. */
export const QUARANTINE_BYTES_MAX = 256;
/** Taken between two commits; more are only counted. */
const QUARANTINE_WAITING_MAX = 100;

/** Of these, notes of readings that came too late: one late backlog must not push everything else out. */
const TOO_LATE_WAITING_MAX = 4;

/** One message that was not taken, or not whole: why, and how it begins. */
export interface QuarantineEntry {
  readonly number: number;
  readonly atMs: number;
  readonly agent: string;
  readonly topic: string;
  /** `too_late`: the message was taken, but for the readings that `detail` counts. */
  readonly reason: RejectReason | "too_late";
  readonly detail: string;
  readonly byteCount: number;
  /** The first bytes, base64. */
  readonly head: string;
}

/** Bad messages on their way into the store. */
export class Quarantine {
  #nextNumber: number;
  #waiting: QuarantineEntry[] = [];
  #tooLateWaiting = 0;

  constructor(nextNumber: number) {
    this.#nextNumber = nextNumber;
  }

  keep(
    entry: Omit<QuarantineEntry, "number" | "head" | "byteCount"> & { readonly payload: Uint8Array },
  ): void {
    if (this.#waiting.length >= QUARANTINE_WAITING_MAX) return;
    if (entry.reason === "too_late") {
      if (this.#tooLateWaiting >= TOO_LATE_WAITING_MAX) return;
      this.#tooLateWaiting += 1;
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
    this.#tooLateWaiting = 0;
    const forgotten = entries
      .map((entry) => entry.number - QUARANTINE_ENTRIES_MAX)
      .filter((number) => number >= 0);
    return { entries, forgotten };
  }
}
