import type { CentralConfig } from "@millrace/config";
import type { Change, Store } from "@millrace/queue";
import {
  chunkStartOf,
  decodeChunk,
  encodeChunk,
  HISTORY_LEVELS,
  parseStateKey,
  rollUp,
  startOf,
  stateRange,
} from "@millrace/stream";
import type { HistoryChunk, HistoryLevel, HistoryRows, PaneView, TimeRange } from "@millrace/stream";
import { CENTRAL_KEYS, engineKeyOf } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import { scanBlock } from "./block-scan.ts";
import { ChunkTrim } from "./chunk-trim.ts";
import { allOf, blockOf, chunksBetween, HISTORY_KEYS, textsOf } from "./history-keys.ts";
import { emptyTotals, HISTORY_TOTALS, takeKeptFrom } from "./history-totals.ts";
import type { HistoryTotals, LevelTotals } from "./history-totals.ts";
import { KEPT_FROM } from "./kept-from.ts";
import { parseSeriesKey, seriesKeyOf } from "./series-key.ts";
import { TrackedSeries } from "./tracked-series.ts";

/** Chunks that one commit writes: acknowledgements wait for it. */
const PORTION_BYTES_MAX = 2_097_152;
/** Groups whose chunks are read at a time. */
const GROUPS_READ = 32;
/** Of 26 accumulators' fields each, about 40 MB. */
const ROWS_MAX = 200_000;

const SERIES = new StoredJson<{
  readonly metric: string;
  readonly by: readonly string[];
  readonly rolledToMs: number | null;
}>({ metric: "string", by: ["string"], rolledToMs: ["null", "number"] });
const DIRTY = new StoredJson<{ readonly lengthMs: number }>({ lengthMs: "number" });
const GROUP = new StoredJson<{ readonly lastChunkMs: number }>({ lastChunkMs: "number" });

export interface HistoryCounts {
  readonly totals: HistoryTotals;
  /** Groups of all series of which something is kept. */
  readonly groups: number;
  /** Blocks that differ from their panes. */
  readonly dirtyBlocks: number;
  /** How long the oldest of them has been over. */
  readonly lagMs: number;
  /** Stored values that could not be read, since the start. */
  readonly unreadable: number;
}

export interface RollBounds {
  /** Buckets in memory before a block is rolled up in parts. */
  readonly rowsMax?: number;
  /** Of chunks that one commit writes. */
  readonly portionBytesMax?: number;
}

/** What one commit does of it. */
export interface HistoryTurn {
  readonly monotonicMs: number;
  /** Some more of what was read is rolled up. */
  readonly isRolling: boolean;
  /** What is over at this time is dropped; null: nothing now. */
  readonly trimAtMs: number | null;
}

/** A block that is being read or rolled up. */
interface BlockAtWork {
  readonly series: TrackedSeries;
  readonly blockMs: number;
  /** Its panes have changed since they were read: it stays dirty. */
  isStale: boolean;
}

/** What was read of it, and is rolled up group by group. */
interface Roll {
  readonly block: BlockAtWork;
  readonly range: TimeRange;
  readonly groups: Iterator<[string, HistoryRows]>;
  readonly onFailed: (error: unknown) => void;
}

/**
 * What is kept of windows' panes beyond their lateness: every series at five levels, each bucket the merge of what lies below
 * it. Panes are the truth while they are there; a block of them is rolled up once it has passed, and again after late data.
 * That a block has changed is noted in the commit that changes it, so a crash loses no change; rolling up again is harmless.
 */
export class SeriesHistory {
  readonly #store: Store;
  readonly #rowsMax: number;
  readonly #portionBytesMax: number;
  readonly #series = new Map<string, TrackedSeries>();
  #totals: Record<HistoryLevel["name"], LevelTotals> = emptyTotals();
  #areTotalsDirty = false;
  #scan: Promise<void> | null = null;
  #block: BlockAtWork | null = null;
  #roll: Roll | null = null;
  /** What is done once the commit is durable. */
  #onDurable: (() => void)[] = [];
  #unreadableCount = 0;
  readonly #trim: ChunkTrim;

  constructor(
    store: Store,
    limits: CentralConfig["history"],
    { rowsMax = ROWS_MAX, portionBytesMax = PORTION_BYTES_MAX }: RollBounds = {},
  ) {
    this.#store = store;
    this.#rowsMax = rowsMax;
    this.#portionBytesMax = portionBytesMax;
    this.#trim = new ChunkTrim(store, limits);
  }

  /** Takes up what is stored, and watches these views from now on. Rejects with `store_read` or `store_write`. */
  async restore(views: Iterable<PaneView>, monotonicMs: number): Promise<void> {
    for (const view of views) {
      const series = TrackedSeries.of(seriesKeyOf(view.metric, view.by), view);
      if (series !== null) this.#series.set(series.key, series);
    }
    const stored = await this.#store.get(HISTORY_KEYS.totals());
    const totals = stored === undefined ? null : HISTORY_TOTALS.read(stored);
    if (totals !== null) this.#totals = { ...totals };
    else if (stored !== undefined) await this.#countAnew();
    const known = await this.#restoreSeries();
    await this.#restoreKept(known);
    await this.#restoreGroups();
    await this.#restoreDirty(monotonicMs);
    for (const series of this.#series.values()) {
      if (series.view === null) continue;
      if (!known.has(series.key)) await this.#noteStored(series, monotonicMs);
      series.view.heldFromMs = series.heldFromMs;
      series.view.watch();
    }
  }

  /** The series of a metric, each with other labels. */
  seriesOf(metric: string): readonly TrackedSeries[] {
    return [...this.#series.values()].filter((series) => series.metric === metric);
  }

  get metrics(): string[] {
    return [...new Set(Array.from(this.#series.values(), ({ metric }) => metric))];
  }

  get totals(): HistoryTotals {
    return this.#totals;
  }

  counts(nowMs: number): HistoryCounts {
    let dirtyBlocks = 0;
    let groups = 0;
    let lagMs = 0;
    for (const series of this.#series.values()) {
      dirtyBlocks += series.dirty.size;
      groups += series.groups.size;
      if (series.view !== null && series.dirty.size > 0)
        lagMs = Math.max(lagMs, nowMs - series.heldFromMs - series.blockMs);
    }
    return { totals: this.#totals, groups, dirtyBlocks, lagMs, unreadable: this.#unreadableCount };
  }

  /** Whether more is to be dropped at once. */
  get isTrimBehind(): boolean {
    return this.#trim.isBehind;
  }

  /**
   * What the commit of these panes writes of it, then `durable` must be called. In the order in which it was done: a group that
   * is forgotten may come again, and the totals are those of all of it.
   */
  async takeChanges({ monotonicMs, isRolling, trimAtMs }: HistoryTurn): Promise<Change[]> {
    const changes: Change[] = [];
    if (trimAtMs !== null) await this.#drop(trimAtMs, changes);
    this.#noteChanged(monotonicMs, changes);
    if (isRolling) await this.#rollNext(monotonicMs, changes);
    if (this.#areTotalsDirty) changes.push(HISTORY_TOTALS.put(HISTORY_KEYS.totals(), this.#totals));
    this.#areTotalsDirty = false;
    return changes;
  }

  /** Notes in which blocks panes have changed, and which groups are new. */
  #noteChanged(monotonicMs: number, changes: Change[]): void {
    for (const series of this.#series.values()) {
      const { view } = series;
      for (const blockMs of view?.takeChangedBlocks() ?? []) {
        this.#note(series, blockMs, monotonicMs, changes);
        if (view !== null) view.heldFromMs = Math.min(view.heldFromMs, blockMs);
      }
      const coarsest = series.levels[series.levels.length - 1];
      for (const [group, startMs] of view?.takeComeGroups() ?? [])
        this.#noteGroup(series, group, chunkStartOf(startMs, coarsest), changes);
    }
  }

  /** Begins to read the next block that is due, beside the commits. */
  work(nowMs: number, monotonicMs: number, onFailed: (error: unknown) => void): void {
    if (this.#block !== null) return;
    for (const series of this.#series.values()) {
      const isKept = series.view === null || series.overtakenCount > 0;
      const blockMs = isKept ? null : series.dueBlock(nowMs, monotonicMs);
      if (blockMs === null) continue;
      this.#startRead({ series, blockMs, isStale: false }, blockMs, onFailed);
      // The next time the others come first.
      this.#series.delete(series.key);
      this.#series.set(series.key, series);
      return;
    }
  }

  #startRead(block: BlockAtWork, fromMs: number, onFailed: (error: unknown) => void): void {
    this.#block = block;
    this.#scan = this.#read(block, fromMs, onFailed).catch((error: unknown) => {
      this.#block = null;
      onFailed(error);
    });
  }

  /** Once nothing is being read: whether something is there to be rolled up. */
  async whenRead(): Promise<boolean> {
    await this.#scan;
    return this.#roll !== null;
  }

  /** Ends once nothing is being read. */
  async close(): Promise<void> {
    await this.#scan;
  }

  /** The next of what is being rolled up. */
  async #rollNext(monotonicMs: number, changes: Change[]): Promise<void> {
    const roll = this.#roll;
    if (roll === null) return;
    for (let bytes = 0; bytes < this.#portionBytesMax;) {
      const some: [string, HistoryRows][] = [];
      for (let next = roll.groups.next(); next.done !== true; next = roll.groups.next()) {
        some.push(next.value);
        if (some.length >= GROUPS_READ) break;
      }
      if (some.length === 0) {
        this.#end(roll, changes, monotonicMs);
        break;
      }
      bytes += await this.#rollGroups(roll, some, changes);
    }
  }

  /** What was taken is committed. */
  durable(): void {
    for (const done of this.#onDurable.splice(0)) done();
  }

  async #drop(nowMs: number, changes: Change[]): Promise<void> {
    const { length } = changes;
    await this.#trim.trim({ nowMs, series: [...this.#series.values()], totals: this.#totals, changes });
    this.#areTotalsDirty ||= changes.length > length;
    this.#forgetGroups(changes);
  }

  /** Groups of which nothing is left. */
  #forgetGroups(changes: Change[]): void {
    const coarsest = HISTORY_LEVELS[HISTORY_LEVELS.length - 1];
    for (const series of this.#series.values()) {
      for (const [group, lastChunkMs] of series.groups) {
        if (!series.isDropped(coarsest, lastChunkMs)) continue;
        series.groups.delete(group);
        changes.push({ type: "del", key: HISTORY_KEYS.group(series.key, group) });
      }
      if (!series.isCleared) continue;
      this.#series.delete(series.key);
      changes.push({ type: "del", key: HISTORY_KEYS.series(series.key) });
      changes.push({ type: "del", key: HISTORY_KEYS.keptFrom(series.key) });
    }
  }

  async #read(block: BlockAtWork, fromMs: number, onFailed: (error: unknown) => void): Promise<void> {
    const { series, blockMs } = block;
    if (series.view === null) return;
    const rest = { startMs: fromMs, endMs: blockMs + series.blockMs };
    const { range, groups, unreadableCount } = await scanBlock(this.#store, series.view, rest, this.#rowsMax);
    this.#unreadableCount += unreadableCount;
    this.#roll = { block, range, groups: groups.entries(), onFailed };
  }

  /** The chunks of some groups as they are now; returns their bytes. */
  async #rollGroups(
    { block: { series }, range }: Roll,
    some: readonly [string, HistoryRows][],
    changes: Change[],
  ): Promise<number> {
    const { levels, partMs } = series;
    const places = levels.map((level) => ({ level, startMs: chunkStartOf(range.startMs, level) }));
    const keys = some.flatMap(([group]) =>
      places.map(({ level, startMs }) =>
        HISTORY_KEYS.chunk({ level: level.number, startMs, series: series.key, group }),
      ),
    );
    const stored = await this.#store.getMany(keys);
    let bytes = 0;
    for (const [index, [group, rows]] of some.entries()) {
      const at = index * levels.length;
      const chunks = places.map(({ level, startMs }, place) =>
        this.#chunk(stored[at + place], level, startMs),
      );
      const rolled = rollUp({ levels, range, partMs, rows, chunks });
      for (const [place, { level, startMs }] of places.entries()) {
        if (series.isDropped(level, startMs)) continue;
        const value = encodeChunk(rolled[place], level, startMs);
        const before = stored[at + place];
        if (before !== undefined && Buffer.compare(before, value) === 0) continue;
        changes.push({ type: "put", key: keys[at + place], value });
        series.addChunk(level, startMs);
        this.#addBytes(level, value.length - (before?.length ?? 0));
        bytes += value.length;
      }
      this.#noteGroup(series, group, places[places.length - 1].startMs, changes);
    }
    return bytes;
  }

  #chunk(bytes: Uint8Array | undefined, level: HistoryLevel, startMs: number): HistoryChunk | null {
    if (bytes === undefined) return null;
    const chunk = decodeChunk(bytes, level, startMs);
    if (chunk === null) this.#unreadableCount += 1;
    return chunk;
  }

  #noteGroup(series: TrackedSeries, group: string, lastChunkMs: number, changes: Change[]): void {
    if ((series.groups.get(group) ?? -Infinity) >= lastChunkMs) return;
    series.groups.set(group, lastChunkMs);
    changes.push(GROUP.put(HISTORY_KEYS.group(series.key, group), { lastChunkMs }));
  }

  /** All groups of what was read are rolled up: the rest of the block is next, or it is done. */
  #end({ block, range, onFailed }: Roll, changes: Change[], monotonicMs: number): void {
    const { series, blockMs } = block;
    this.#roll = null;
    if (range.endMs < blockMs + series.blockMs) {
      this.#startRead(block, range.endMs, onFailed);
      return;
    }
    const { metric, by } = series;
    const rolledToMs = Math.max(series.rolledToMs, range.endMs);
    if (rolledToMs > series.rolledToMs)
      changes.push(SERIES.put(HISTORY_KEYS.series(series.key), { metric, by, rolledToMs }));
    if (!block.isStale) changes.push({ type: "del", key: HISTORY_KEYS.dirty(series.key, blockMs) });
    this.#onDurable.push(() => {
      this.#block = null;
      series.rolledToMs = rolledToMs;
      if (block.isStale) series.dirty.set(blockMs, { sinceMs: monotonicMs, changedMs: monotonicMs });
      else series.dirty.delete(blockMs);
      if (series.view !== null) series.view.heldFromMs = series.heldFromMs;
    });
  }

  #note(series: TrackedSeries, blockMs: number, monotonicMs: number, changes: Change[]): void {
    const { series: own, blockMs: atWorkMs } = this.#block ?? {};
    if (this.#block !== null && own === series && atWorkMs === blockMs) this.#block.isStale = true;
    const known = series.dirty.get(blockMs);
    if (known !== undefined) {
      known.changedMs = monotonicMs;
      return;
    }
    series.dirty.set(blockMs, { sinceMs: monotonicMs, changedMs: monotonicMs });
    changes.push(DIRTY.put(HISTORY_KEYS.dirty(series.key, blockMs), { lengthMs: series.blockMs }));
  }

  #addBytes({ name }: HistoryLevel, bytes: number): void {
    this.#totals[name] = { ...this.#totals[name], bytes: this.#totals[name].bytes + bytes };
    this.#areTotalsDirty = true;
  }

  /** The keys of the series that have a record. */
  async #restoreSeries(): Promise<ReadonlySet<string>> {
    const known = new Set<string>();
    for await (const { key: storeKey, value } of this.#store.range(allOf("s"))) {
      const [key] = textsOf(storeKey.subarray(2));
      const record = SERIES.read(value);
      if (record === null) this.#unreadableCount += 1;
      const { metric, by } = record ?? parseSeriesKey(key);
      const options = { key, metric, by, view: null, levels: HISTORY_LEVELS };
      const series = this.#series.get(key) ?? new TrackedSeries(options);
      this.#series.set(key, series);
      // One whose record is damaged has chunks that are to go some day.
      if (record === null) continue;
      series.rolledToMs = record.rolledToMs ?? -Infinity;
      known.add(key);
    }
    return known;
  }

  /** In the store of an earlier build the totals tell it, of all series alike. */
  async #restoreKept(known: ReadonlySet<string>): Promise<void> {
    for await (const { key, value } of this.#store.range(allOf("k"))) {
      const [seriesKey] = textsOf(key.subarray(2));
      const keptFromMs = KEPT_FROM.read(value);
      if (keptFromMs === null) this.#unreadableCount += 1;
      else this.#series.get(seriesKey)?.restoreKept(keptFromMs);
    }
    const ofAll = takeKeptFrom(this.#totals);
    if (ofAll === null) return;
    const changes = [HISTORY_TOTALS.put(HISTORY_KEYS.totals(), this.#totals)];
    for (const key of known) {
      this.#series.get(key)?.restoreKept(ofAll);
      changes.push(KEPT_FROM.put(HISTORY_KEYS.keptFrom(key), ofAll));
    }
    await this.#store.commit(changes, { isSync: true });
  }

  async #restoreGroups(): Promise<void> {
    for await (const { key, value } of this.#store.range(allOf("g"))) {
      const [series, group] = textsOf(key.subarray(2));
      const record = GROUP.read(value);
      if (record === null) this.#unreadableCount += 1;
      // One whose record is damaged is still there, and kept for ever rather than lost.
      this.#series.get(series)?.groups.set(group, record?.lastChunkMs ?? Infinity);
    }
  }

  /**
   * Blocks of another length cover those of now that they lie in, or that lie in them. Markers of panes that the pipeline has no
   * window of stay, as the panes do, until it has one again or they are cleared.
   */
  async #restoreDirty(monotonicMs: number): Promise<void> {
    const changes: Change[] = [];
    for await (const { key, value } of this.#store.range(allOf("d"))) {
      const { series: seriesKey, blockMs } = blockOf(key);
      const series = this.#series.get(seriesKey);
      if (series === undefined) changes.push({ type: "del", key });
      if (series === undefined || series.view === null) continue;
      const lengthMs = DIRTY.read(value)?.lengthMs ?? series.blockMs;
      if (lengthMs !== series.blockMs) changes.push({ type: "del", key });
      for (let atMs = startOf(blockMs, series.blockMs); atMs < blockMs + lengthMs; atMs += series.blockMs) {
        if (lengthMs !== series.blockMs) this.#note(series, atMs, monotonicMs, changes);
        else series.dirty.set(atMs, { sinceMs: monotonicMs, changedMs: monotonicMs });
      }
    }
    if (changes.length > 0) await this.#store.commit(changes, { isSync: true });
  }

  /** The panes that a series has when it is watched for the first time are all still to be rolled up. */
  async #noteStored(series: TrackedSeries, monotonicMs: number): Promise<void> {
    const { view, metric, by, key } = series;
    if (view === null) return;
    const changes: Change[] = [SERIES.put(HISTORY_KEYS.series(key), { metric, by, rolledToMs: null })];
    for (let fromMs = -Infinity; ;) {
      const { from, to } = stateRange("p", view.key, fromMs, Infinity);
      const range = { from: CENTRAL_KEYS.engine(from), to: CENTRAL_KEYS.engine(to), limit: 1 };
      let startMs: number | undefined;
      for await (const entry of this.#store.range(range))
        startMs = parseStateKey(engineKeyOf(entry.key))?.startMs;
      if (startMs === undefined) break;
      const blockMs = startOf(startMs, series.blockMs);
      this.#note(series, blockMs, monotonicMs, changes);
      fromMs = blockMs + series.blockMs;
    }
    await this.#store.commit(changes, { isSync: true });
  }

  async #countAnew(): Promise<void> {
    for (const level of HISTORY_LEVELS)
      for await (const { value } of this.#store.range(chunksBetween(level.number, -Infinity, Infinity)))
        this.#addBytes(level, value.length);
  }
}
