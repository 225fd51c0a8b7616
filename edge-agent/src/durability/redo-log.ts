import type { Change, Store } from "@millrace/queue";
import { numberKey, numberOfKey, PREFIX, prefixRange } from "./agent-store.ts";
import type { LedgerTotals } from "../ledger.ts";
import { parseRedoEntry, type RedoBuffer, type RedoEntry } from "./redo-entry.ts";

/** The parts of the state that are checkpointed each at its own pace. */
export type CheckpointPart = "panes" | "watermarks" | "rules";

export interface TrimOptions {
  /** Entries committed before are past the dedupe horizon, or up to AGE_STEP_MS later. */
  readonly olderThanMs: number;
  /** Of those that follow: entries before so many newer rows go too, however young they are. */
  readonly rowsMax: number;
  /** Puts the keys that still count, of entries up to `last`, into the next entry: it and the deletions belong into one commit. */
  carryKeys(last: number): void;
  push(change: Change): void;
}

/** Entries that one trim takes away: bounds its work and the commit that follows. */
const TRIM_ENTRIES_MAX = 20_000;
/** Times of commits are rounded up to this, so that few ages stand for many entries. */
const AGE_STEP_MS = 1_000;

/**
 * The log of committed readings. An entry serves twice: until every checkpoint stands after it, for replay; until its
 * keys are past the dedupe horizon, as the memory of the deduplicator. Then it goes; keys in it that still count (of a
 * series that has fallen silent) are carried into the newest entry. An entry is as old as the earliest time that it or
 * a later one was committed at: one that a wrong clock stamped ahead holds up nothing.
 */
export class RedoLog {
  readonly #checkpoints: Record<CheckpointPart, number> = { panes: 1, watermarks: 1, rules: 1 };
  /** Entries up to `last`, from the one after the previous `last` on, are of the age `atMs`; `rows` were in all so far. All ascend. */
  readonly #ages: { readonly last: number; readonly atMs: number; readonly rows: number }[] = [];
  /** Appended and found, since the opening. */
  #rows = 0;
  #oldest = 1;
  #next = 1;

  /** Number of the next entry. */
  get next(): number {
    return this.#next;
  }

  /** Replay of a part begins with this entry. */
  checkpointOf(part: CheckpointPart): number {
    return this.#checkpoints[part];
  }

  hasGrownSince(part: CheckpointPart): boolean {
    return this.#next > this.#checkpoints[part];
  }

  checkpointed(part: CheckpointPart, next: number): void {
    this.#checkpoints[part] = next;
  }

  append(changes: Change[], rows: RedoBuffer, nowMs: number, ledger: LedgerTotals): void {
    this.#rows += rows.rowCount;
    changes.push({ type: "put", key: numberKey(PREFIX.redo, this.#next), value: rows.take(nowMs, ledger) });
    this.#committed(this.#next, nowMs);
    this.#next += 1;
  }

  /**
   * Reads every stored entry in order; a damaged one is given as `undefined`, and so are, once for all that are missing in
   * a row, those that are not there though they must be: those before `committedNext` are, too. Afterwards `next` is behind
   * the last.
   */
  async *open(
    store: Store,
    committedNext = 1,
  ): AsyncIterable<{ number: number; entry: RedoEntry | undefined }> {
    let isFirst = true;
    for await (const { key, value } of store.range(prefixRange(PREFIX.redo))) {
      const number = numberOfKey(key);
      if (isFirst) this.#oldest = number;
      const isGap = isFirst ? number > Math.min(...Object.values(this.#checkpoints)) : number > this.#next;
      if (isGap) yield { number: number - 1, entry: undefined };
      isFirst = false;
      this.#next = number + 1;
      const entry = parseRedoEntry(value);
      this.#rows += entry?.rowCount ?? 0;
      if (entry !== undefined) this.#committed(number, entry.committedAtMs);
      yield { number, entry };
    }
    const next = Math.max(this.#next, committedNext, ...Object.values(this.#checkpoints));
    // A checkpoint stands after entries of which the newest is always there.
    if (next > this.#next) yield { number: next - 1, entry: undefined };
    this.#next = next;
    if (isFirst) this.#oldest = this.#next;
  }

  /**
   * Deletes what serves no longer, oldest first, at most TRIM_ENTRIES_MAX. Nothing is read: what is in them and still counts
   * is in memory.
   */
  trim(options: TrimOptions): void {
    const lastOld =
      this.#ages.findLast(
        ({ atMs, rows }) => atMs <= options.olderThanMs || this.#rows - rows >= options.rowsMax,
      )?.last ?? 0;
    const replayedFrom = Math.min(...Object.values(this.#checkpoints));
    const last = Math.min(lastOld, replayedFrom - 1, this.#oldest + TRIM_ENTRIES_MAX - 1);
    if (last < this.#oldest) return;
    options.carryKeys(last);
    for (; this.#oldest <= last; this.#oldest += 1)
      options.push({ type: "del", key: numberKey(PREFIX.redo, this.#oldest) });
    while (this.#ages.length > 0 && this.#ages[0].last < this.#oldest) this.#ages.shift();
  }

  #committed(number: number, committedAtMs: number): void {
    const atMs = Math.ceil(committedAtMs / AGE_STEP_MS) * AGE_STEP_MS;
    while ((this.#ages.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= atMs) this.#ages.pop();
    this.#ages.push({ last: number, atMs, rows: this.#rows });
  }
}
