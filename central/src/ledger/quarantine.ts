import type { RecordRefusalReason } from "@millrace/wire";
import type { RejectReason } from "./central-ledger.ts";

/** Messages kept; of more, the oldest of whoever has most gives way. */
export const QUARANTINE_ENTRIES_MAX = 1_000;
/** Of each message, its beginning. */
export const QUARANTINE_BYTES_MAX = 256;
/** Taken between two commits; more, of whoever has most of these, are only counted. */
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

/**
 * Bad messages on their way into the store, and which of them it keeps: whoever sends nothing but bad ones, as one with a new
 * format does, pushes out its own, and never the one message of another.
 */
export class Quarantine {
  #nextNumber: number;
  #waiting: Omit<QuarantineEntry, "number">[] = [];
  readonly #waitingOf = new Map<string, number>();
  readonly #notesWaiting = new Map<string, number>();
  /** Numbers of what the store has, ascending, by whom it is of. */
  readonly #kept = new Map<string, number[]>();
  #keptCount = 0;

  /** @param kept what the store has, ascending. */
  constructor(kept: readonly Pick<QuarantineEntry, "number" | "agent">[] = []) {
    this.#nextNumber = (kept.at(-1)?.number ?? -1) + 1;
    for (const { number, agent } of kept) this.#note(agent, number);
  }

  /** That have gone in since the store was made. */
  get entryCount(): number {
    return this.#nextNumber;
  }

  keep(
    entry: Omit<QuarantineEntry, "number" | "head" | "byteCount"> & { readonly payload: Uint8Array },
  ): void {
    const notes = this.#notesWaiting.get(entry.reason) ?? 0;
    if (notes >= NOTES_WAITING_MAX) return;
    const own = this.#waitingOf.get(entry.agent) ?? 0;
    if (this.#waiting.length >= QUARANTINE_WAITING_MAX && !this.#makeRoom(own)) return;
    if (NOTED.has(entry.reason)) this.#notesWaiting.set(entry.reason, notes + 1);
    const { payload, ...rest } = entry;
    const head = Buffer.from(payload.subarray(0, QUARANTINE_BYTES_MAX)).toString("base64");
    this.#waiting.push({ ...rest, byteCount: payload.length, head });
    this.#waitingOf.set(entry.agent, own + 1);
  }

  /** The latest of whoever has most makes room for one who has fewer; false: none has more than these. */
  #makeRoom(own: number): boolean {
    const [most, count] = greatest(this.#waitingOf, (each) => each);
    if (own >= count) return false;
    const latest = this.#waiting.findLastIndex(({ agent }) => agent === most);
    this.#waiting.splice(latest, 1);
    this.#waitingOf.set(most, count - 1);
    return true;
  }

  /** Entries to store, and the numbers that they push out. */
  takeWaiting(): { entries: QuarantineEntry[]; forgotten: number[] } {
    const entries = this.#waiting.map((entry) => ({ number: this.#nextNumber++, ...entry }));
    this.#waiting = [];
    this.#waitingOf.clear();
    this.#notesWaiting.clear();
    for (const { number, agent } of entries) this.#note(agent, number);
    const forgotten: number[] = [];
    while (this.#keptCount > QUARANTINE_ENTRIES_MAX) {
      const [agent, numbers] = greatest(this.#kept, ({ length }) => length);
      for (const oldest of numbers.splice(0, 1)) forgotten.push(oldest);
      if (numbers.length === 0) this.#kept.delete(agent);
      this.#keptCount -= 1;
    }
    return { entries, forgotten };
  }

  #note(agent: string, number: number): void {
    const numbers = this.#kept.get(agent);
    if (numbers === undefined) this.#kept.set(agent, [number]);
    else numbers.push(number);
    this.#keptCount += 1;
  }
}

/** Whoever has most; of a map that is not empty. */
function greatest<Share>(
  shares: ReadonlyMap<string, Share>,
  sizeOf: (share: Share) => number,
): [string, Share] {
  const [first, ...others] = shares;
  return others.reduce((most, each) => (sizeOf(each[1]) > sizeOf(most[1]) ? each : most), first);
}
