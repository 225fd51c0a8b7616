import type { ChangedRange } from "./changed-range.ts";
import type { SinkPageQuery, SinkPlace } from "./sink-stream.ts";

/** Ranges of one pass; beyond them the last one is made wider, and what was written in between is written again. */
export const RANGES_MAX = 1_000;

/** What of the history one pass is about. */
interface Owed {
  /** Not only what was left out. */
  readonly isAll: boolean;
  readonly sinceMs: number;
  readonly ranges: ChangedRange[];
  readonly fromMs: Map<string, number>;
  count: number;
}

interface Pass extends Owed {
  readonly query: Pick<SinkPageQuery, "changed" | "fromMs">;
  cursor: string | null;
}

/**
 * What a target is to be given from the history: at first, and when it has lost something, all of it; else what was left out while
 * too much waited. It is read in passes, one after the other, and what is left out while one goes on is the next one's: none is
 * begun anew. So they end with any target that takes more than is published, each being about what came during the one before.
 */
export class OwedHistory {
  #pass: Pass | null = null;
  #next: Owed | null = null;
  /** Until a pass may begin nothing is kept: what is published meanwhile belongs to the same range. */
  #isLeavingOut = false;

  /** All of it, from the beginning; what was left out is among it. */
  oweAll(nowMs: number): void {
    this.#next = nothingOf({ isAll: true, sinceMs: this.sinceMs ?? nowMs });
    this.#pass = null;
    this.#isLeavingOut = true;
  }

  /** One that comes from the history instead. */
  leaveOut(changedAtMs: number, { part, atMs }: SinkPlace, nowMs: number): void {
    const next = (this.#next ??= nothingOf({ isAll: false, sinceMs: nowMs }));
    const { ranges, fromMs } = next;
    const isSameRange = (this.#isLeavingOut || ranges.length >= RANGES_MAX) && ranges.length > 0;
    const last = isSameRange ? ranges.pop() : undefined;
    ranges.push({
      fromMs: Math.min(last?.fromMs ?? changedAtMs, changedAtMs),
      toMs: Math.max(last?.toMs ?? changedAtMs, changedAtMs),
    });
    fromMs.set(part, Math.min(fromMs.get(part) ?? atMs, atMs));
    next.count += 1;
    this.#isLeavingOut = true;
  }

  /** Whether what is published now is to be left out too. */
  get isLeavingOut(): boolean {
    return this.#isLeavingOut;
  }

  /**
   * What is published from now on can be kept; the next pass begins, unless one goes on or there is none to be made.
   * @param markMs what had changed before is there, also where all is owed; null: nothing is known
   */
  begin(markMs: number | null): { readonly isBegun: boolean } {
    this.#isLeavingOut = false;
    if (this.#pass !== null || this.#next === null) return { isBegun: false };
    const { isAll, ranges, fromMs } = this.#next;
    const changed = !isAll
      ? ranges
      : markMs === null
        ? null
        : [{ fromMs: markMs, toMs: Number.POSITIVE_INFINITY }, ...ranges];
    this.#pass = { ...this.#next, query: { changed, fromMs: isAll ? null : fromMs }, cursor: null };
    this.#next = null;
    return { isBegun: true };
  }

  /** The page that comes next; null where no pass goes on. */
  get page(): Pick<SinkPageQuery, "changed" | "fromMs" | "cursor"> | null {
    return this.#pass === null ? null : { ...this.#pass.query, cursor: this.#pass.cursor };
  }

  /** So many were read; the pass goes on there, or is over. */
  wasRead(count: number, cursor: string | null): void {
    if (this.#pass === null) return;
    this.#pass.cursor = cursor;
    this.#pass.count = Math.max(0, this.#pass.count - count);
    if (cursor === null) this.#pass = null;
  }

  /** Whether more is owed than what was left out. */
  get isAll(): boolean {
    return this.#pass?.isAll === true || this.#next?.isAll === true;
  }

  /** Of what was left out: what had changed before is there. Null where nothing was. */
  get changedFromMs(): number | null {
    let changedFromMs: number | null = null;
    for (const owed of [this.#pass, this.#next])
      for (const { fromMs } of owed?.ranges ?? []) changedFromMs = Math.min(changedFromMs ?? fromMs, fromMs);
    return changedFromMs;
  }

  /** How many were left out, and are still to be read; fewer will be where several are of one key. */
  get count(): number {
    return (this.#pass?.count ?? 0) + (this.#next?.count ?? 0);
  }

  /** Since when something is owed without a break, as it was told; null where nothing is. */
  get sinceMs(): number | null {
    return this.#pass?.sinceMs ?? this.#next?.sinceMs ?? null;
  }
}

function nothingOf({ isAll, sinceMs }: Pick<Owed, "isAll" | "sinceMs">): Owed {
  return { isAll, sinceMs, ranges: [], fromMs: new Map(), count: 0 };
}
