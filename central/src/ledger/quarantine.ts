import type { Change } from "@millrace/queue";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import { BURST_BYTES, FloodBudget } from "./flood-budget.ts";
import type { QuarantineEntry } from "./quarantine-entry.ts";
import { quarantineSegment } from "./quarantine-segment.ts";
import type { QuarantineSegment } from "./quarantine-segment.ts";

/** Of each message, its beginning. */
export const QUARANTINE_HEAD_BYTES_MAX = 256;
/** However much else comes, one entry of each source and reason is kept in this time, some hundred of all. */
const ONE_EACH_MS = 1_000;
/** In one value of the store, some 40 KB. */
const SEGMENT_ENTRIES_MAX = 128;
/** What an entry takes beside its head and detail, about. */
const ENTRY_BYTES = 220;
/** Segments that one call forgets for their age. */
const EXPIRED_MAX = 256;

export interface QuarantineLimits {
  /** Of the store; of more, the oldest of whoever has most gives way. */
  readonly bytesMax: number;
  readonly retainMs: number;
}

/** Since the store was made. */
export interface QuarantineTotals {
  /** The number of the entry that comes next. */
  readonly next: number;
  /** Never kept: too many came at once. */
  readonly flood: number;
  /** Given up again: for later ones. */
  readonly room: number;
  /** For their age. */
  readonly age: number;
}

export interface QuarantineCounts {
  /** That have gone in since the store was made. */
  readonly taken: number;
  /** Bytes of the store. */
  readonly kept: { readonly entries: number; readonly bytes: number };
  readonly dropped: Omit<QuarantineTotals, "next">;
}

/** Which entries are meant: those that have all of this. */
export interface QuarantineFilter {
  readonly agent?: string;
  readonly reason?: string;
  /** Of a lesser number. */
  readonly before?: number;
}

export const QUARANTINE_TOTALS = new StoredJson<QuarantineTotals>({
  next: "number",
  flood: "number",
  room: "number",
  age: "number",
});

type NewEntry = Omit<QuarantineEntry, "number" | "head" | "byteCount"> & { readonly payload: Uint8Array };

/** Entries that are not stored yet. */
interface Waiting {
  readonly entries: NewEntry[];
  bytes: number;
}

/** What is kept of one source for one reason. */
interface Share {
  readonly agent: string;
  readonly reason: string;
  /** Ascending. */
  readonly segments: QuarantineSegment[];
  entries: number;
  bytes: number;
  keptAtMs: number;
}

/**
 * Bad messages on their way into the store, and which of them it keeps: whoever sends nothing but bad ones, as one with a new
 * format does, pushes out its own, and never the few of another, nor its own few for another reason.
 */
export class Quarantine {
  readonly #limits: QuarantineLimits;
  readonly #budget = new FloodBudget();
  /** For whoever has none of it. */
  readonly #reserve = new FloodBudget();
  readonly #waiting = new Map<string, Waiting>();
  readonly #shares = new Map<string, Share>();
  #next = 0;
  readonly #dropped = { flood: 0, room: 0, age: 0 };
  #changes: Change[] = [];
  #bytes = 0;

  constructor(limits: QuarantineLimits) {
    this.#limits = limits;
  }

  /** @param segments what the store has, ascending. */
  restore(segments: readonly QuarantineSegment[], totals: QuarantineTotals): void {
    const { next, ...dropped } = totals;
    this.#next = next;
    Object.assign(this.#dropped, dropped);
    for (const segment of segments) this.#add(segment, Number.NEGATIVE_INFINITY);
  }

  /** What is kept of these entries, whatever their number, and of all what is not. */
  counts(filter: Omit<QuarantineFilter, "before"> = {}): QuarantineCounts {
    const kept = { entries: 0, bytes: 0 };
    for (const { entries, bytes } of this.#sharesOf(filter)) {
      kept.entries += entries;
      kept.bytes += bytes;
    }
    return { taken: this.#next, kept, dropped: { ...this.#dropped } };
  }

  keep(entry: NewEntry): void {
    const { agent, reason, detail, payload } = entry;
    const name = shareName(agent, reason);
    let waiting = this.#waiting.get(name);
    if (waiting === undefined) this.#waiting.set(name, (waiting = { entries: [], bytes: 0 }));
    if (waiting.bytes >= BURST_BYTES) {
      this.#dropped.flood += 1;
      return;
    }
    waiting.entries.push(entry);
    waiting.bytes += ENTRY_BYTES + detail.length + Math.min(payload.length, QUARANTINE_HEAD_BYTES_MAX);
  }

  /** What is to be stored, and what it pushes out. */
  takeChanges(monotonicMs: number): readonly Change[] {
    const hasNew = this.#waiting.size > 0;
    if (hasNew) this.#storeWaiting(monotonicMs);
    while (this.#bytes > this.#limits.bytesMax) this.#giveUpOldest("room", this.#most());
    const changes = this.#changes;
    this.#changes = [];
    if (hasNew || changes.length > 0)
      changes.push(
        QUARANTINE_TOTALS.put(CENTRAL_KEYS.quarantineTotals(), { next: this.#next, ...this.#dropped }),
      );
    return changes;
  }

  /** Forgets what is too old, some at a time. */
  expire(trustedMs: number): void {
    const keptFromMs = trustedMs - this.#limits.retainMs;
    let left = EXPIRED_MAX;
    for (const [name, { segments }] of this.#shares)
      for (; left > 0 && segments.length > 0 && segments[0].atMs < keptFromMs; left -= 1)
        this.#giveUpOldest("age", name);
  }

  /** Those that hold such entries, the latest first. */
  segments(filter: QuarantineFilter): readonly QuarantineSegment[] {
    const { before = Infinity } = filter;
    const found: QuarantineSegment[] = [];
    for (const { segments } of this.#sharesOf(filter))
      for (const segment of segments) if (segment.number < before) found.push(segment);
    return found.sort((a, b) => b.number - a.number);
  }

  *#sharesOf({ agent, reason }: QuarantineFilter): Generator<Share> {
    for (const share of this.#shares.values())
      if ((agent ?? share.agent) === share.agent && (reason ?? share.reason) === share.reason) yield share;
  }

  #storeWaiting(monotonicMs: number): void {
    const counts = fairCounts(this.#waiting, this.#budget.left(monotonicMs));
    for (const [name, { entries }] of this.#waiting) {
      const keptAtMs = this.#shares.get(name)?.keptAtMs ?? Number.NEGATIVE_INFINITY;
      const fair = counts.get(name) ?? 0;
      const isDue =
        fair === 0 && monotonicMs - keptAtMs >= ONE_EACH_MS && this.#reserve.left(monotonicMs) > 0;
      const count = isDue ? 1 : fair;
      this.#dropped.flood += entries.length - count;
      const bytes = this.#store(entries.slice(0, count), monotonicMs);
      (isDue ? this.#reserve : this.#budget).spend(bytes);
    }
    this.#waiting.clear();
  }

  /** @returns bytes that this writes, about */
  #store(entries: readonly NewEntry[], monotonicMs: number): number {
    let bytes = 0;
    for (let from = 0; from < entries.length; from += SEGMENT_ENTRIES_MAX)
      bytes += this.#storeSegment(entries.slice(from, from + SEGMENT_ENTRIES_MAX), monotonicMs);
    return bytes;
  }

  #storeSegment(entries: readonly NewEntry[], monotonicMs: number): number {
    const number = this.#next;
    this.#next += entries.length;
    const { segment, changes, writtenBytes } = quarantineSegment(
      number,
      entries.map((entry, at) => storedEntry(number + at, entry)),
    );
    for (const change of changes) this.#changes.push(change);
    this.#add(segment, monotonicMs);
    return writtenBytes;
  }

  #add(segment: QuarantineSegment, keptAtMs: number): void {
    const { agent, reason, count, bytes } = segment;
    const name = shareName(agent, reason);
    let share = this.#shares.get(name);
    if (share === undefined)
      this.#shares.set(name, (share = { agent, reason, segments: [], entries: 0, bytes: 0, keptAtMs }));
    share.segments.push(segment);
    share.entries += count;
    share.bytes += bytes;
    share.keptAtMs = keptAtMs;
    this.#bytes += bytes;
  }

  /** Whoever has most. */
  #most(): string {
    let most = "";
    let mostBytes = 0;
    for (const [name, { bytes }] of this.#shares) if (bytes > mostBytes) [most, mostBytes] = [name, bytes];
    return most;
  }

  #giveUpOldest(why: "room" | "age", name: string): void {
    const share = this.#shares.get(name);
    const oldest = share?.segments.shift();
    if (share === undefined || oldest === undefined)
      throw new Error("invariant: whoever has most has something");
    const { number, count, bytes } = oldest;
    this.#changes.push({ type: "del", key: CENTRAL_KEYS.quarantine(number) });
    this.#changes.push({ type: "del", key: CENTRAL_KEYS.quarantineSegment(number) });
    share.entries -= count;
    share.bytes -= bytes;
    this.#bytes -= bytes;
    if (share.segments.length === 0) this.#shares.delete(name);
    this.#dropped[why] += count;
  }
}

/** How many of each: as much as of the others, so that a flood of one leaves room for the few of another. */
function fairCounts(waiting: ReadonlyMap<string, Waiting>, bytesMax: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  let leftBytes = bytesMax;
  for (const [name, { entries, bytes }] of [...waiting].sort(([, a], [, b]) => a.bytes - b.bytes)) {
    const fairBytes = Math.min(bytes, leftBytes / (waiting.size - counts.size));
    counts.set(name, Math.floor((entries.length * fairBytes) / bytes));
    leftBytes -= fairBytes;
  }
  return counts;
}

function storedEntry(number: number, { payload, ...entry }: NewEntry): QuarantineEntry {
  const head = Buffer.from(payload.subarray(0, QUARANTINE_HEAD_BYTES_MAX)).toString("base64");
  return { number, ...entry, byteCount: payload.length, head };
}

function shareName(agent: string, reason: string): string {
  return `${reason} ${agent}`;
}
