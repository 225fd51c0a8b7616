import type { Change, Store } from "@millrace/queue";
import { isLater } from "@millrace/wire";
import type { SourcePosition } from "@millrace/wire";
import { CENTRAL_KEYS } from "../../store/central-keys.ts";
import { KEPT_ROWS } from "./kept-row.ts";
import type { KeptRow, RowContribution } from "./kept-row.ts";

/** What of the book survives a restart, beside the rows. */
export interface RowBookRecord {
  readonly count: number;
  /** Rows of an earlier time may have been forgotten; null: none was. */
  readonly floorMs: number | null;
  /** Where the table was emptied last; null: never. */
  readonly truncated: SourcePosition | null;
  /** Rows behind this id are still to be emptied out; "": all. Null: it is done. */
  readonly sweptTo: string | null;
}

/** Rows that one commit forgets, or takes out of an emptied table: the rest follows with the next ones. */
const TIDY_ROWS_MAX = 10_000;
/** An index entry says all in its key, and the store takes no value of no bytes. */
const PRESENT = Uint8Array.of(1);

interface Entry {
  /** As the store has it. */
  readonly stored: Pick<KeptRow, "keptMs"> | null;
  now: KeptRow | null;
}

/**
 * The rows of a table as its changes have left them: on disk, by id, with an index by the time until which they are kept. In memory
 * are only those that the commit at hand looks at.
 */
export class RowBook {
  readonly #stream: string;
  readonly #rowsMax: number;
  readonly #entries = new Map<string, Entry>();
  #count = 0;
  #floorMs = -Infinity;
  #truncated: SourcePosition | null = null;
  #sweptTo: string | null = null;
  /** No row is kept for an earlier time. */
  #leastMs = -Infinity;
  /** Rows that were forgotten before their time, since the start. */
  droppedCount = 0;

  constructor(stream: string, rowsMax: number) {
    this.#stream = stream;
    this.#rowsMax = rowsMax;
  }

  restore({ count, floorMs, truncated, sweptTo }: RowBookRecord): void {
    this.#count = count;
    this.#floorMs = floorMs ?? -Infinity;
    this.#truncated = truncated;
    this.#sweptTo = sweptTo;
  }

  export(): RowBookRecord {
    return {
      count: this.#count,
      floorMs: this.#floorMs === -Infinity ? null : this.#floorMs,
      truncated: this.#truncated,
      sweptTo: this.#sweptTo,
    };
  }

  get count(): number {
    return this.#count;
  }

  /** A row of an earlier time that is not known may have been: whether a change of it came before is not known either. */
  get floorMs(): number {
    return this.#floorMs;
  }

  /** To be called before `get` of these. */
  async load(store: Store, ids: Iterable<string>): Promise<void> {
    const wanted = [...new Set(ids)].filter((id) => !this.#entries.has(id));
    if (wanted.length === 0) return;
    const found = await store.getMany(wanted.map((id) => CENTRAL_KEYS.row(this.#stream, id)));
    for (const [at, id] of wanted.entries()) this.#know(id, found[at]);
  }

  get(id: string): KeptRow | null {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error("invariant: a row is loaded before it is asked for");
    return entry.now;
  }

  put(id: string, row: KeptRow): void {
    const entry = this.#entries.get(id) ?? { stored: null, now: null };
    if (entry.now === null) this.#count += 1;
    entry.now = row;
    this.#entries.set(id, entry);
    if (row.keptMs < this.#leastMs) this.#leastMs = row.keptMs;
  }

  /** Whether a change is of a table that has been emptied since. */
  isOfEmptied(position: SourcePosition | null): boolean {
    return !isLater(position, this.#truncated);
  }

  /** The table was emptied: rows that were changed last before that are taken out, now and with the next calls of `tidy`. */
  truncate(position: SourcePosition, retract: (contribution: RowContribution) => void): void {
    if (!isLater(position, this.#truncated)) return;
    this.#truncated = position;
    this.#sweptTo = "";
    for (const id of this.#entries.keys()) this.#emptyOut(id, retract);
  }

  /** Forgets what is only of final windows, and what is too much; goes on with taking out. True: something changed. */
  async tidy(
    store: Store,
    finalToMs: number,
    retract: (contribution: RowContribution) => void,
  ): Promise<boolean> {
    const before = this.#count;
    const wasSweeping = this.#sweptTo !== null;
    if (wasSweeping) await this.#sweep(store, retract);
    if (this.#leastMs < finalToMs) {
      // Those of the commit at hand are not in the store yet.
      for (const entry of this.#entries.values())
        if (entry.now !== null && entry.now.keptMs < finalToMs) this.#drop(entry);
      const { isDone, lastMs } = await this.#forget(store, finalToMs, TIDY_ROWS_MAX);
      this.#leastMs = isDone ? finalToMs : lastMs;
      this.#floorMs = Math.max(this.#floorMs, finalToMs);
    }
    const surplus = this.#count - this.#rowsMax;
    if (surplus > 0) {
      const kept = this.#count;
      const { lastMs } = await this.#forget(store, TIME_MS_MAX, Math.min(surplus, TIDY_ROWS_MAX));
      this.droppedCount += kept - this.#count;
      this.#floorMs = Math.max(this.#floorMs, lastMs + 1);
    }
    return wasSweeping || this.#count !== before;
  }

  /** What is to be committed. Nothing is loaded any more. */
  takeChanges(): Change[] {
    const changes: Change[] = [];
    for (const [id, { stored, now }] of this.#entries) {
      if (stored === null && now === null) continue;
      const key = CENTRAL_KEYS.row(this.#stream, id);
      if (stored !== null && stored.keptMs !== now?.keptMs)
        changes.push({ type: "del", key: CENTRAL_KEYS.rowTime(this.#stream, stored.keptMs, id) });
      if (now === null) changes.push({ type: "del", key });
      else if (now !== stored) {
        changes.push(KEPT_ROWS.put(key, now));
        if (stored?.keptMs !== now.keptMs) {
          const timeKey = CENTRAL_KEYS.rowTime(this.#stream, now.keptMs, id);
          changes.push({ type: "put", key: timeKey, value: PRESENT });
        }
      }
    }
    this.#entries.clear();
    return changes;
  }

  #know(id: string, bytes: Uint8Array | undefined): Entry {
    // What was damaged is as if it had never been there.
    const row = bytes === undefined ? null : KEPT_ROWS.read(bytes);
    const entry: Entry = { stored: row, now: row };
    this.#entries.set(id, entry);
    return entry;
  }

  #drop(entry: Entry): void {
    if (entry.now !== null) this.#count -= 1;
    entry.now = null;
  }

  async #sweep(store: Store, retract: (contribution: RowContribution) => void): Promise<void> {
    const range = CENTRAL_KEYS.rowsAfter(this.#stream, this.#sweptTo ?? "");
    let count = 0;
    for await (const { key, value } of store.range({ ...range, limit: TIDY_ROWS_MAX })) {
      const id = CENTRAL_KEYS.idOfRow(key);
      if (!this.#entries.has(id)) this.#know(id, value);
      this.#emptyOut(id, retract);
      this.#sweptTo = id;
      count += 1;
    }
    if (count < TIDY_ROWS_MAX) this.#sweptTo = null;
  }

  #emptyOut(id: string, retract: (contribution: RowContribution) => void): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.now === null || !isLater(this.#truncated, entry.now.position)) return;
    if (entry.now.contribution !== null) retract(entry.now.contribution);
    this.#drop(entry);
  }

  /** The rows that are kept for the earliest times, before `toMs`. */
  async #forget(store: Store, toMs: number, limit: number): Promise<{ isDone: boolean; lastMs: number }> {
    const from = CENTRAL_KEYS.rowTime(this.#stream, this.#leastMs, "");
    const to = CENTRAL_KEYS.rowTime(this.#stream, toMs, "");
    let [count, lastMs] = [0, this.#leastMs];
    for await (const { key } of store.range({ from, to, limit })) {
      const { id, keptMs } = CENTRAL_KEYS.ofRowTime(key);
      const entry = this.#entries.get(id) ?? { stored: { keptMs }, now: null };
      count += 1;
      lastMs = keptMs;
      if (!this.#entries.has(id)) {
        this.#entries.set(id, entry);
        this.#count -= 1;
      } else if (entry.now?.keptMs === keptMs) this.#drop(entry);
    }
    return { isDone: count < limit, lastMs };
  }
}

/** Behind every calendar's last day. */
const TIME_MS_MAX = 8.64e15;
