import type { Change, Store } from "@millrace/queue";
import { viewMetricName } from "@millrace/stream";
import type { WindowEngine } from "@millrace/stream";
import type { KeyRange } from "../history/history-keys.ts";
import { sealedSeries } from "../history/sealed-series.ts";
import { seriesKeyOfView } from "../history/series-key.ts";
import { clearedStream } from "../records/cleared-stream.ts";
import { behind, CENTRAL_KEYS } from "../store/central-keys.ts";
import { StoredValues } from "../store/stored-values.ts";
import { ClearedSpace } from "./cleared-space.ts";
import { findLeft } from "./find-left.ts";
import { leftKeys } from "./left-keys.ts";
import { LEFT } from "./left-record.ts";
import type { LeftRecord } from "./left-record.ts";

/** What one commit clears. */
export const CLEARED_MAX = 1_000;
const CLEARED_BYTES_MAX = 2_097_152;
/** How long central runs is counted in such steps: at most one is lost at a restart. */
export const COUNT_INTERVAL_MS = 600_000;
const DAY_MS = 86_400_000;
/** However short a window's retention is, whoever took it out by mistake has so long. */
const KEEP_MS_MIN = 7 * DAY_MS;
/** However far apart the times are that lie under a name: a lateness is no longer, nor any size. */
const KEEP_MS_MAX = 400 * DAY_MS;
/** Windows look at views, and views are made of streams: what is made of something goes before it. */
const ORDER = { window: 0, view: 1, stream: 2 } as const;
/** What was cleared says all in its key, and the store takes no value of no bytes. */
const CLEARED = Uint8Array.of(1);

/** What one commit may still clear. */
interface Room {
  keys: number;
  bytes: number;
}

export interface LeftStateOptions {
  readonly store: Store;
  readonly engine: WindowEngine;
  /** Those that the pipeline reads. */
  readonly streams: ReadonlySet<string>;
  /** How long results of windows are kept. */
  readonly retainMs: number;
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/**
 * What the store has of windows, panes and streams of records that the pipeline has no more. It stays as long as it reaches back,
 * and `retainMs`, of the time that central runs without it, by no clock that can be wrong: who puts it back until then finds it as
 * it was. Then it is cleared, one name after another and a little with each tick. What has begun to be cleared is cleared, should
 * it come back or not: half of a window's panes would be a wrong number.
 */
export class LeftState {
  readonly #store: Store;
  /** By kind and name, in the order in which they may go. */
  readonly #left = new Map<string, LeftRecord>();
  #countedAtMs: number;
  /** Of the one that is being cleared: what is still there. */
  #ranges: KeyRange[] | null = null;
  readonly #space: ClearedSpace;
  /** Since the start. */
  clearedKeyCount = 0;

  private constructor(store: Store, monotonicMs: number) {
    this.#store = store;
    this.#space = new ClearedSpace(store);
    this.#countedAtMs = monotonicMs;
  }

  /**
   * Before anything else looks at the state: what has come back is as it was, or is gone. Rejects with `store_read` or
   * `store_write`.
   */
  static async open(options: LeftStateOptions): Promise<LeftState> {
    const { store, engine, streams, retainMs, nowMs, monotonicMs } = options;
    const state = new LeftState(store, monotonicMs);
    const isBack = ({ kind, name }: LeftRecord) =>
      kind === "stream" ? streams.has(name) : engine.holds({ kind, name });
    const changes: Change[] = [];
    const left: LeftRecord[] = [];
    for (const record of await new StoredValues(store).under("L", LEFT)) {
      if (!isBack(record)) left.push(record);
      else if (record.isClearing) await state.#clearAll(record);
      else changes.push({ type: "del", key: keyOf(record) });
    }
    const known = new Set(left.map(idOf));
    for (const found of await findLeft(store, { engine, streams })) {
      if (known.has(idOf(found))) continue;
      const { kind, name, spanMs } = found;
      const keepMs = Math.max(retainMs, KEEP_MS_MIN, Math.min(spanMs, KEEP_MS_MAX));
      const record = { kind, name, leftAtMs: nowMs, absentMs: 0, keepMs, isClearing: false };
      left.push(record);
      changes.push(LEFT.put(keyOf(record), record));
    }
    left.sort((a, b) => ORDER[a.kind] - ORDER[b.kind]);
    for (const record of left) state.#left.set(idOf(record), record);
    if (changes.length > 0) await store.commit(changes, { isSync: true });
    return state;
  }

  get records(): readonly LeftRecord[] {
    return [...this.#left.values()];
  }

  /** What a tick's commit notes of them, and clears. */
  async takeChanges(monotonicMs: number): Promise<Change[]> {
    const changes: Change[] = [];
    this.#count(monotonicMs, changes);
    if (this.#space.giveBack()) return changes;
    const due = this.#due();
    if (due !== undefined) await this.#clear(due, changes);
    return changes;
  }

  /** A process that stood still has not run. */
  #count(monotonicMs: number, changes: Change[]): void {
    const passedMs = Math.floor(monotonicMs - this.#countedAtMs);
    if (passedMs < COUNT_INTERVAL_MS) return;
    this.#countedAtMs = monotonicMs;
    for (const record of this.records)
      this.#note(
        { ...record, absentMs: record.absentMs + Math.min(passedMs, 2 * COUNT_INTERVAL_MS) },
        changes,
      );
  }

  #note(record: LeftRecord, changes: Change[]): void {
    this.#left.set(idOf(record), record);
    changes.push(LEFT.put(keyOf(record), record));
  }

  /** The one that goes next. Whatever left no later and may be made of it has gone. */
  #due(): LeftRecord | undefined {
    const { records } = this;
    const isMadeOf = (other: LeftRecord, record: LeftRecord) =>
      ORDER[other.kind] < ORDER[record.kind] && other.absentMs >= record.absentMs;
    const mayGo = (record: LeftRecord) =>
      record.absentMs >= record.keepMs && !records.some((other) => isMadeOf(other, record));
    return records.find(({ isClearing }) => isClearing) ?? records.find(mayGo);
  }

  /** Some of what is under a name; with the last of it, the record. */
  async #clear(record: LeftRecord, changes: Change[]): Promise<void> {
    if (!record.isClearing) {
      this.#note({ ...record, isClearing: true }, changes);
      for (const change of await this.#told(record)) changes.push(change);
    }
    const ranges = (this.#ranges ??= leftKeys(record));
    const room = { keys: CLEARED_MAX, bytes: CLEARED_BYTES_MAX };
    while (ranges.length > 0) {
      const rest = await this.#clearRange(ranges[0], room, changes);
      if (rest !== null) {
        ranges[0] = rest;
        return;
      }
      ranges.shift();
      this.#space.endRow();
    }
    this.#ranges = null;
    changes.push({ type: "del", key: keyOf(record) });
    this.#left.delete(idOf(record));
  }

  /** As much of a range as there is room for; the rest of it, so that nobody passes over what was deleted; null: none. */
  async #clearRange({ from, to }: KeyRange, room: Room, changes: Change[]): Promise<KeyRange | null> {
    for await (const entry of this.#store.range({ from, to, limit: room.keys })) {
      changes.push({ type: "del", key: entry.key });
      this.#space.add(entry);
      this.clearedKeyCount += 1;
      room.keys -= 1;
      room.bytes -= entry.value.length;
      if (room.keys <= 0 || room.bytes <= 0) return { from: behind(entry.key), to };
    }
    return null;
  }

  /** What must be known for good of what is about to be cleared: that nothing may count a second time. */
  async #told({ kind, name }: LeftRecord): Promise<Change[]> {
    if (kind === "stream") return clearedStream(this.#store, name);
    if (kind === "window") return [];
    const told: Change = { type: "put", key: CENTRAL_KEYS.cleared(viewMetricName(name)), value: CLEARED };
    return [told, ...(await sealedSeries(this.#store, seriesKeyOfView(name)))];
  }

  /** The rest of one that has come back. */
  async #clearAll(record: LeftRecord): Promise<void> {
    do {
      const changes: Change[] = [];
      await this.#clear(record, changes);
      await this.#store.commit(changes, { isSync: this.#ranges === null });
    } while (this.#ranges !== null);
  }
}

function idOf({ kind, name }: Pick<LeftRecord, "kind" | "name">): string {
  return `${kind} ${name}`;
}

function keyOf({ kind, name }: LeftRecord): Uint8Array {
  return CENTRAL_KEYS.left(kind, name);
}
