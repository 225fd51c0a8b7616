import type { CentralConfig } from "@millrace/config";
import type { Change, Store } from "@millrace/queue";
import { chunkStartOf, decodeChunk, encodeChunk, HISTORY_LEVELS, rollUp, startOf } from "@millrace/stream";
import type { HistoryChunk, HistoryLevel, HistoryRows, PaneView, TimeRange } from "@millrace/stream";
import { MARKER } from "./block-marker.ts";
import { scanBlock } from "./block-scan.ts";
import { ChunkTrim } from "./chunk-trim.ts";
import { GROUP } from "./group-record.ts";
import { HISTORY_KEYS, markersOf } from "./history-keys.ts";
import { HistoryRestore } from "./history-restore.ts";
import { emptyTotals, HISTORY_TOTALS } from "./history-totals.ts";
import type { HistoryTotals, LevelTotals } from "./history-totals.ts";
import { SERIES } from "./series-record.ts";
import type { BlockPlan, TrackedSeries } from "./tracked-series.ts";

/** Chunks that one commit writes: acknowledgements wait for it. */
const PORTION_BYTES_MAX = 2_097_152;
/** What a group counts as, of which nothing has changed: its chunks are read. */
const GROUP_BYTES_MIN = 1_024;
/** Groups whose chunks are read at a time. */
const GROUPS_READ = 32;
/** Of 26 accumulators' fields each, about 40 MB. */
const ROWS_MAX = 200_000;

/** What is made anew of all groups is read so far at a time: it lies in one chunk of minutes. */
const ANEW_MS = 3_600_000;

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
  /** How often a pane gained something too late, which is in windows only, since the start. */
  readonly tooLate: number;
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
  /** Of all groups, whether they have panes in it or not. */
  readonly isAnew: boolean;
  /** Its panes have changed since they were read: it stays dirty. */
  isStale: boolean;
}

/** What was read of it, and is rolled up group by group. */
interface Roll {
  readonly block: BlockAtWork;
  readonly plan: BlockPlan;
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
  #series = new Map<string, TrackedSeries>();
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
    const restore = new HistoryRestore(this.#store, monotonicMs);
    await restore.take(views);
    this.#series = restore.series;
    this.#totals = restore.totals;
    this.#unreadableCount += restore.unreadableCount;
    for (const { view, heldFromMs, sealedToMs } of this.#series.values()) {
      if (view === null) continue;
      view.heldFromMs = heldFromMs;
      view.sealedToMs = sealedToMs;
      view.watch();
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
    let tooLate = 0;
    for (const series of this.#series.values()) {
      dirtyBlocks += series.dirty.size;
      groups += series.groups.size;
      tooLate += series.view?.tooLateCount ?? 0;
      if (series.view !== null && series.dirty.size > 0)
        lagMs = Math.max(lagMs, nowMs - series.heldFromMs - series.blockMs);
    }
    return { totals: this.#totals, groups, dirtyBlocks, lagMs, unreadable: this.#unreadableCount, tooLate };
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
    this.#noteDropped(changes);
    if (trimAtMs !== null) await this.#drop(trimAtMs, changes);
    this.#noteChanged(monotonicMs, changes);
    if (isRolling) await this.#rollNext(monotonicMs, changes);
    if (this.#areTotalsDirty) changes.push(HISTORY_TOTALS.put(HISTORY_KEYS.totals(), this.#totals));
    this.#areTotalsDirty = false;
    return changes;
  }

  /** Notes how far panes are dropped: their windows may be of another lateness some day, and take more for what is gone. */
  #noteDropped(changes: Change[]): void {
    for (const series of this.#series.values()) {
      const { view } = series;
      const dropToMs = view?.dropToMs ?? -Infinity;
      if (view === null || dropToMs <= series.droppedToMs) continue;
      series.droppedToMs = dropToMs;
      view.sealedToMs = series.sealedToMs;
      changes.push(SERIES.put(HISTORY_KEYS.series(series.key), series.record));
    }
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
      this.#startRead(
        { series, blockMs, isAnew: series.isAnew(blockMs), isStale: false },
        Math.max(blockMs, series.sealedToMs),
        onFailed,
      );
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
    await this.#forgetGroups(changes);
  }

  /** Groups of which nothing is left. */
  async #forgetGroups(changes: Change[]): Promise<void> {
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
      for await (const { key } of this.#store.range(markersOf(series.key)))
        changes.push({ type: "del", key });
    }
  }

  async #read(block: BlockAtWork, fromMs: number, onFailed: (error: unknown) => void): Promise<void> {
    const { series, blockMs, isAnew } = block;
    if (series.view === null) return;
    const endMs = blockMs + series.blockMs;
    const rest = {
      startMs: fromMs,
      endMs: isAnew ? Math.min(startOf(fromMs, ANEW_MS) + ANEW_MS, endMs) : endMs,
    };
    const plan = series.planOf(isAnew);
    const { range, groups, unreadableCount } = await scanBlock(this.#store, series.view, rest, {
      ...plan,
      groups: isAnew ? series.groups.keys() : [],
      rowsMax: this.#rowsMax,
    });
    this.#unreadableCount += unreadableCount;
    this.#roll = { block, plan, range, groups: groups.entries(), onFailed };
  }

  /** The chunks of some groups as they are now; returns their bytes, about. */
  async #rollGroups(
    { block: { series }, plan: { levels, partMs }, range }: Roll,
    some: readonly [string, HistoryRows][],
    changes: Change[],
  ): Promise<number> {
    const places = levels.map((level) => ({ level, startMs: chunkStartOf(range.startMs, level) }));
    const keys = some.flatMap(([group]) =>
      places.map(({ level, startMs }) =>
        HISTORY_KEYS.chunk({ level: level.number, startMs, series: series.key, group }),
      ),
    );
    const stored = await this.#store.getMany(keys);
    let bytes = some.length * GROUP_BYTES_MIN;
    for (const [index, [group, rows]] of some.entries()) {
      const at = index * levels.length;
      const chunks = places.map(({ level, startMs }, place) =>
        this.#chunk(stored[at + place], level, startMs),
      );
      const rolled = rollUp({ levels, range, partMs, rows, chunks });
      for (const [place, { level, startMs }] of places.entries()) {
        const before = stored[at + place];
        const isNothing = before === undefined && rolled[place].rows.size === 0;
        if (isNothing || series.isDropped(level, startMs)) continue;
        const value = encodeChunk(rolled[place], level, startMs);
        if (before !== undefined && Buffer.compare(before, value) === 0) continue;
        changes.push({ type: "put", key: keys[at + place], value });
        series.addChunk(level, startMs);
        this.#addBytes(level, value.length - (before?.length ?? 0));
        bytes += value.length;
      }
      if (rows.size > 0) this.#noteGroup(series, group, places[places.length - 1].startMs, changes);
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
    const rolledToMs = Math.max(series.rolledToMs, range.endMs);
    if (rolledToMs > series.rolledToMs)
      changes.push(SERIES.put(HISTORY_KEYS.series(series.key), { ...series.record, rolledToMs }));
    if (!block.isStale) changes.push({ type: "del", key: HISTORY_KEYS.dirty(series.key, blockMs) });
    this.#onDurable.push(() => {
      this.#block = null;
      series.rolledToMs = rolledToMs;
      if (block.isStale)
        series.dirty.set(blockMs, { sinceMs: monotonicMs, changedMs: monotonicMs, isAnew: false });
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
    series.dirty.set(blockMs, { sinceMs: monotonicMs, changedMs: monotonicMs, isAnew: false });
    changes.push(MARKER.put(HISTORY_KEYS.dirty(series.key, blockMs), { lengthMs: series.blockMs }));
  }

  #addBytes({ name }: HistoryLevel, bytes: number): void {
    this.#totals[name] = { ...this.#totals[name], bytes: this.#totals[name].bytes + bytes };
    this.#areTotalsDirty = true;
  }
}
