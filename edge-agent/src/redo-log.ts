import type { Change, Store } from "@millrace/queue";
import { numberKey, numberOfKey, PREFIX, prefixRange } from "./agent-store.ts";
import type { LedgerTotals } from "./ledger.ts";
import { parseRedoEntry, type RedoBuffer, REDO_FLAG, type RedoEntry, type RedoRow } from "./redo-entry.ts";

/** The parts of the state that are checkpointed each at its own pace. */
export type CheckpointPart = "panes" | "watermarks" | "rules";

interface KeptEntry {
  readonly number: number;
  readonly committedAtMs: number;
}

/** Entries looked at in one trim: bounds its work. */
const TRIM_ENTRIES_MAX = 64;

/**
 * The log of committed readings. An entry serves twice: until every checkpoint stands after it, for replay; until its
 * keys are past the dedupe horizon, as the memory of the deduplicator. Then it goes; keys in it that still count (of a
 * series that has fallen silent) are carried into the newest entry.
 */
export class RedoLog {
  readonly #kept: KeptEntry[] = [];
  readonly #checkpoints: Record<CheckpointPart, number> = { panes: 1, watermarks: 1, rules: 1 };
  #next = 1;
  #isTrimming = false;

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
    const number = this.#next;
    this.#next += 1;
    this.#kept.push({ number, committedAtMs: nowMs });
    changes.push({ type: "put", key: numberKey(PREFIX.redo, number), value: rows.take(nowMs, ledger) });
  }

  /** Reads every stored entry in order; damaged ones are given as `undefined`. Afterwards `next` is behind the last. */
  async *open(store: Store): AsyncIterable<{ number: number; entry: RedoEntry | undefined }> {
    for await (const { key, value } of store.range(prefixRange(PREFIX.redo))) {
      const number = numberOfKey(key);
      const entry = parseRedoEntry(value);
      this.#kept.push({ number, committedAtMs: entry?.committedAtMs ?? 0 });
      this.#next = number + 1;
      yield { number, entry };
    }
    for (const part of ["panes", "watermarks", "rules"] as const) {
      this.#next = Math.max(this.#next, this.#checkpoints[part]);
    }
  }

  /** Deletes what serves no longer. The deletions and the carried keys belong into one and the same commit. */
  async trim(options: {
    readonly store: Store;
    readonly olderThanMs: number;
    isRemembered(row: RedoRow): boolean;
    readonly carry: RedoBuffer;
    push(change: Change): void;
  }): Promise<void> {
    if (this.#isTrimming) return;
    this.#isTrimming = true;
    try {
      const replayedFrom = Math.min(...Object.values(this.#checkpoints));
      for (let count = 0; count < TRIM_ENTRIES_MAX; count += 1) {
        const [oldest] = this.#kept;
        if (
          oldest === undefined ||
          oldest.number >= replayedFrom ||
          oldest.committedAtMs > options.olderThanMs
        )
          return;
        const key = numberKey(PREFIX.redo, oldest.number);
        const bytes = await options.store.get(key);
        const entry = bytes === undefined ? undefined : parseRedoEntry(bytes);
        for (let index = 0; entry !== undefined && index < entry.rowCount; index += 1) {
          const row = entry.row(index);
          if ((row.flags & REDO_FLAG.hasOwnTime) === 0 || !options.isRemembered(row)) continue;
          options.carry.add(row.series, row.timeMs, row.value, REDO_FLAG.hasOwnTime | REDO_FLAG.keyOnly);
        }
        options.push({ type: "del", key });
        this.#kept.shift();
      }
    } finally {
      this.#isTrimming = false;
    }
  }
}
