import type { Change, Store } from "@millrace/queue";
import { decodeWindow, labelsKey, parseStateKey, windowKeyRange, windowLengths } from "@millrace/stream";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import type { WindowPage, WindowQuery } from "../api/central-reader.ts";
import { CENTRAL_KEYS, engineKeyOf } from "../store/central-keys.ts";

/** What a dashboard is given when it connects. */
export const RECENT_MS = 600_000;
export const RECENT_WINDOWS_MAX = 5_000;
/** A query that finds less than its limit ends here, with a cursor to go on from. */
const ROWS_SCANNED_MAX = 20_000;
/** The newest of each group are looked for among as many results at least, so that of few groups those are found that fell silent long ago. */
const LATEST_SCANNED_MIN = 2_000;
/** And among no more, of all windows that are asked for. */
export const LATEST_SCANNED_MAX = 100_000;
/** Unreadable results that are told apart; of more nothing is counted. */
const UNREADABLE_MAX = 10_000;
/** Results of one window that one `trim` forgets, beside as many as are published meanwhile. */
export const TRIMMED_MAX = 2_000;

export interface LatestWindows {
  readonly windows: readonly WindowResult[];
  /**
   * By window, where not all older results were looked at: all groups that have one which starts after this are there. Of groups
   * without one some may be missing.
   */
  readonly searchedAfterMs: Readonly<Record<string, number>>;
}

/** The published windows: the recent ones in memory, all of them in the store, where the engine keeps them. */
export class WindowHistory {
  readonly #store: Store;
  readonly #windows: readonly WindowSpec[];
  readonly #retainMs: number;
  readonly #recent = new Map<string, WindowResult>();
  /** By window: all keys before this are gone. */
  readonly #trimmedTo = new Map<string, string>();
  #trimLagMs = 0;
  readonly #unreadable = new Set<string>();

  constructor(options: {
    readonly store: Store;
    readonly windows: readonly WindowSpec[];
    readonly retainMs: number;
  }) {
    this.#store = options.store;
    this.#windows = options.windows;
    this.#retainMs = options.retainMs;
  }

  async restore(nowMs: number): Promise<void> {
    for (const spec of this.#windows) {
      const { name } = spec;
      const { sizeMs } = windowLengths(spec);
      const found: WindowResult[] = [];
      const range = windowKeyRange(name, nowMs - RECENT_MS - sizeMs, Number.POSITIVE_INFINITY);
      const keys = { from: CENTRAL_KEYS.engine(range.from), to: CENTRAL_KEYS.engine(range.to) };
      for await (const { key, value } of this.#store.range({
        ...keys,
        isReverse: true,
        limit: RECENT_WINDOWS_MAX,
      })) {
        const result = this.#read(key, value);
        if (result !== null) found.push(result);
      }
      this.published(found.reverse(), nowMs);
    }
  }

  /** Remembers results that are durable. */
  published(results: readonly WindowResult[], nowMs: number): void {
    for (const result of results) {
      if (result.endMs < nowMs - RECENT_MS) continue;
      const key = `${result.window} ${result.startMs} ${labelsKey(result.group)}`;
      // Deleting first keeps the map in order of the latest revision: the longest unchanged is forgotten first.
      this.#recent.delete(key);
      this.#recent.set(key, result);
    }
    for (const [key, result] of this.#recent) {
      if (this.#recent.size <= RECENT_WINDOWS_MAX && result.endMs >= nowMs - RECENT_MS) break;
      this.#recent.delete(key);
    }
  }

  recent(nowMs: number): WindowResult[] {
    const results = [...this.#recent.values()].filter((result) => result.endMs >= nowMs - RECENT_MS);
    return results.sort((a, b) => a.startMs - b.startMs);
  }

  async page(query: WindowQuery): Promise<WindowPage> {
    const range = windowKeyRange(query.window, query.fromMs, query.toMs);
    const { cursor, isNewestFirst = false } = query;
    const from = cursor !== null && !isNewestFirst && cursor >= range.from ? `${cursor}\0` : range.from;
    const to = cursor !== null && isNewestFirst && cursor < range.to ? cursor : range.to;
    if (from >= to) return { windows: [], cursor: null };
    const labels = Object.entries(query.group);
    const windows: WindowResult[] = [];
    let scanned = 0;
    const keys = {
      from: CENTRAL_KEYS.engine(from),
      to: CENTRAL_KEYS.engine(to),
      limit: ROWS_SCANNED_MAX,
      isReverse: isNewestFirst,
    };
    for await (const { key, value } of this.#store.range(keys)) {
      scanned += 1;
      const result = this.#read(key, value);
      if (result !== null && labels.every(([name, label]) => result.group[name] === label))
        windows.push(result);
      if (windows.length >= query.limit || scanned >= ROWS_SCANNED_MAX) {
        return { windows, cursor: engineKeyOf(key) };
      }
    }
    return { windows, cursor: null };
  }

  /** The newest of each group, of one window or of all. */
  async latest(window: string | null): Promise<LatestWindows> {
    const specs = this.#windows.filter(({ name }) => window === null || window === name);
    const scannedMax = Math.max(LATEST_SCANNED_MIN, Math.floor(LATEST_SCANNED_MAX / specs.length));
    const windows: WindowResult[] = [];
    const searchedAfterMs: Record<string, number> = {};
    for (const spec of specs) {
      const endedAtMs = await this.#findLatest(spec, scannedMax, windows);
      if (endedAtMs !== null) searchedAfterMs[spec.name] = endedAtMs;
    }
    return { windows, searchedAfterMs };
  }

  /**
   * Backwards, as far as a group that still has readings has its newest window.
   *
   * @returns the start of the first result that was not looked at; null: there is none
   */
  async #findLatest(spec: WindowSpec, scannedMax: number, into: WindowResult[]): Promise<number | null> {
    const { sizeMs, slideMs } = windowLengths(spec);
    const range = windowKeyRange(spec.name, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    const keys = { from: CENTRAL_KEYS.engine(range.from), to: CENTRAL_KEYS.engine(range.to) };
    const found = new Set<string>();
    let newestMs: number | null = null;
    let scanned = 0;
    for await (const { key, value } of this.#store.range({ ...keys, isReverse: true })) {
      const place = parseStateKey(engineKeyOf(key));
      if (place === null) continue;
      newestMs ??= place.startMs;
      const isFar = place.startMs < newestMs - sizeMs - slideMs;
      if (scanned >= scannedMax || (scanned >= LATEST_SCANNED_MIN && isFar)) return place.startMs;
      scanned += 1;
      if (found.has(place.group)) continue;
      const result = this.#read(key, value);
      if (result === null || result.mergedIntoMs !== undefined) continue;
      found.add(place.group);
      into.push(result);
    }
    return null;
  }

  /** Stored results that were asked for and could not be read, each counted once. */
  get unreadableCount(): number {
    return this.#unreadable.size;
  }

  /** How much longer than it should be the oldest result that is due to be forgotten has been kept; 0 where none is. */
  get trimLagMs(): number {
    return this.#trimLagMs;
  }

  /**
   * Changes that forget windows older than `retainMs`, some at a time, and always more than are published meanwhile; never before
   * their lateness is over, and never what starts at `finalToMs` of its window or later: it may not be final.
   */
  async trim(options: {
    readonly nowMs: number;
    readonly finalToMs: (window: string) => number;
    readonly publishedCount: number;
  }): Promise<Change[]> {
    const changes: Change[] = [];
    const limit = TRIMMED_MAX + options.publishedCount;
    this.#trimLagMs = 0;
    for (const spec of this.#windows) {
      const { name, latenessMs } = spec;
      const { sizeMs } = windowLengths(spec);
      const keptMs = Math.max(this.#retainMs, latenessMs + sizeMs) + RECENT_MS;
      const toMs = Math.min(options.nowMs - keptMs - sizeMs, options.finalToMs(name));
      const range = windowKeyRange(name, Number.NEGATIVE_INFINITY, toMs);
      const from = this.#trimmedTo.get(name) ?? range.from;
      if (from >= range.to) continue;
      let last: string | null = null;
      let count = 0;
      const keys = { from: CENTRAL_KEYS.engine(from), to: CENTRAL_KEYS.engine(range.to), limit };
      for await (const { key } of this.#store.range(keys)) {
        changes.push({ type: "del", key });
        count += 1;
        last = engineKeyOf(key);
      }
      const isBehind = last !== null && count >= limit;
      // To begin at the first key that is left spares the store from passing over all that was deleted.
      this.#trimmedTo.set(name, isBehind ? `${last}\0` : range.to);
      const lastMs = isBehind ? parseStateKey(last ?? "")?.startMs : undefined;
      if (lastMs !== undefined) this.#trimLagMs = Math.max(this.#trimLagMs, toMs - lastMs);
    }
    return changes;
  }

  /** Null where the stored result cannot be read: it is left out of what is shown. */
  #read(key: Uint8Array, bytes: Uint8Array): WindowResult | null {
    try {
      return decodeWindow(bytes);
    } catch {
      if (this.#unreadable.size < UNREADABLE_MAX) this.#unreadable.add(engineKeyOf(key));
      return null;
    }
  }
}
