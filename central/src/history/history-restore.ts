import { isDeepStrictEqual } from "node:util";
import type { Change, Store } from "@millrace/queue";
import {
  chunkStartOf,
  gcd,
  HISTORY_LEVELS,
  historyBlockMs,
  historyPartMs,
  parseStateKey,
  startOf,
  stateRange,
} from "@millrace/stream";
import type { HistoryLevel, PaneView, TimeRange } from "@millrace/stream";
import { CENTRAL_KEYS, engineKeyOf } from "../store/central-keys.ts";
import { MARKER } from "./block-marker.ts";
import { GROUP } from "./group-record.ts";
import { allOf, blockOf, chunksBetween, HISTORY_KEYS, textsOf } from "./history-keys.ts";
import { emptyTotals, HISTORY_TOTALS, takeKeptFrom } from "./history-totals.ts";
import type { LevelTotals } from "./history-totals.ts";
import { KEPT_FROM } from "./kept-from.ts";
import type { KeptFrom } from "./kept-from.ts";
import { parseSeriesKey, seriesKeyOf } from "./series-key.ts";
import { SERIES } from "./series-record.ts";
import type { MovedSeries, SeriesRecord } from "./series-record.ts";
import { TrackedSeries } from "./tracked-series.ts";
import type { DirtyBlock } from "./tracked-series.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * Takes up what is stored of the history, once, and goes on with the series that there are panes of: they may be of another size
 * than those that it was rolled up from, and some may be gone.
 */
export class HistoryRestore {
  readonly series = new Map<string, TrackedSeries>();
  totals: Record<HistoryLevel["name"], LevelTotals> = emptyTotals();
  /** Stored values that could not be read. */
  unreadableCount = 0;
  readonly #store: Store;
  readonly #monotonicMs: number;
  readonly #changes: Change[] = [];
  /** By series, where there is one; null: it is damaged. */
  readonly #records = new Map<string, SeriesRecord | null>();
  /** In the store of an earlier build: from when on all series are kept. */
  #keptOfAll: KeptFrom | null = null;

  constructor(store: Store, monotonicMs: number) {
    this.#store = store;
    this.#monotonicMs = monotonicMs;
  }

  /** Rejects with `store_read` or `store_write`. */
  async take(views: Iterable<PaneView>): Promise<void> {
    const tooLong: string[] = [];
    for (const view of views) {
      const key = seriesKeyOf(view.metric, view.by);
      const series = TrackedSeries.of(key, view);
      if (series === null) tooLong.push(key);
      else this.series.set(key, series);
    }
    await this.#takeTotals();
    await this.#takeRecords();
    await this.#takeKept();
    await this.#takeGroups();
    await this.#takeMarkers();
    for (const series of this.series.values())
      if (series.view !== null) await this.#goOn(series, series.view);
    for (const key of tooLong) this.#forgetPanes(key);
    if (this.#changes.length > 0) await this.#store.commit(this.#changes, { isSync: true });
  }

  async #takeTotals(): Promise<void> {
    const stored = await this.#store.get(HISTORY_KEYS.totals());
    const totals = stored === undefined ? null : HISTORY_TOTALS.read(stored);
    if (totals !== null) {
      this.totals = { ...totals };
      this.#keptOfAll = takeKeptFrom(this.totals);
    } else if (stored !== undefined) {
      for (const { name, number } of HISTORY_LEVELS) {
        let bytes = 0;
        for await (const { value } of this.#store.range(chunksBetween(number, -Infinity, Infinity)))
          bytes += value.length;
        this.totals[name] = { ...this.totals[name], bytes };
      }
    }
    if (this.#keptOfAll !== null || (stored !== undefined && totals === null))
      this.#changes.push(HISTORY_TOTALS.put(HISTORY_KEYS.totals(), this.totals));
  }

  async #takeRecords(): Promise<void> {
    for await (const { key: storeKey, value } of this.#store.range(allOf("s"))) {
      const [key] = textsOf(storeKey.subarray(2));
      const record = SERIES.read(value);
      if (record === null) this.unreadableCount += 1;
      this.#records.set(key, record);
      const { metric, by } = record ?? parseSeriesKey(key);
      const options = { key, metric, by, view: null, levels: HISTORY_LEVELS };
      // One whose record is damaged has chunks that are to go some day.
      const series = this.series.get(key) ?? new TrackedSeries(options);
      this.series.set(key, series);
      series.rolledToMs = record?.rolledToMs ?? -Infinity;
      series.droppedToMs = record?.droppedToMs ?? -Infinity;
      series.filledFromMs = record?.filledFromMs ?? {};
      series.moved = record?.moved ?? null;
      for (const paneMs of [record?.paneMs ?? 0, ...(record?.passedMs ?? [])])
        if (paneMs <= DAY_MS) series.noteUnfilled(paneMs, series.rolledToMs);
    }
  }

  async #takeKept(): Promise<void> {
    for await (const { key, value } of this.#store.range(allOf("k"))) {
      const [seriesKey] = textsOf(key.subarray(2));
      const keptFromMs = KEPT_FROM.read(value);
      if (keptFromMs === null) this.unreadableCount += 1;
      else this.series.get(seriesKey)?.restoreKept(keptFromMs);
    }
    if (this.#keptOfAll === null) return;
    // Those that there are panes of say first what they need.
    for (const { key, view } of this.series.values())
      if (view === null && this.#records.get(key) !== null) this.#keep(key, this.#keptOfAll);
  }

  #keep(key: string, keptFromMs: KeptFrom): void {
    this.series.get(key)?.restoreKept(keptFromMs);
    this.#changes.push(KEPT_FROM.put(HISTORY_KEYS.keptFrom(key), keptFromMs));
  }

  async #takeGroups(): Promise<void> {
    for await (const { key, value } of this.#store.range(allOf("g"))) {
      const [series, group] = textsOf(key.subarray(2));
      const record = GROUP.read(value);
      if (record === null) this.unreadableCount += 1;
      // One whose record is damaged is still there, and kept for ever rather than lost.
      this.series.get(series)?.groups.set(group, record?.lastChunkMs ?? Infinity);
    }
  }

  /** Blocks of another length cover those of now that they lie in, or that lie in them. */
  async #takeMarkers(): Promise<void> {
    for await (const { key, value } of this.#store.range(allOf("d"))) {
      const { series: seriesKey, blockMs } = blockOf(key);
      const series = this.series.get(seriesKey);
      if (series === undefined) this.#changes.push({ type: "del", key });
      // Panes that no window looks at any more stay where they are: one may look at them again.
      if (series === undefined || series.view === null) continue;
      const { lengthMs, isAnew } = MARKER.read(value) ?? { lengthMs: series.blockMs };
      if (lengthMs === series.blockMs) {
        this.#dirty(series, blockMs, isAnew);
        continue;
      }
      this.#changes.push({ type: "del", key });
      this.#note(series, { startMs: blockMs, endMs: blockMs + lengthMs }, isAnew);
    }
  }

  #note(series: TrackedSeries, { startMs, endMs }: TimeRange, isAnew = false): void {
    const { key, blockMs: lengthMs } = series;
    for (let blockMs = startOf(startMs, lengthMs); blockMs < endMs; blockMs += lengthMs) {
      const dirty = this.#dirty(series, blockMs, isAnew);
      this.#changes.push(MARKER.put(HISTORY_KEYS.dirty(key, blockMs), { lengthMs, isAnew: dirty.isAnew }));
    }
  }

  #dirty(series: TrackedSeries, blockMs: number, isAnew = false): DirtyBlock {
    const atMs = this.#monotonicMs;
    const wasAnew = series.dirty.get(blockMs)?.isAnew === true;
    const dirty = { sinceMs: atMs, changedMs: atMs, isAnew: isAnew || wasAnew };
    series.dirty.set(blockMs, dirty);
    return dirty;
  }

  /** The panes of a series are there: how far they are whole, and what of them is to be rolled up. */
  async #goOn(series: TrackedSeries, view: PaneView): Promise<void> {
    const record = this.#records.get(series.key);
    if (record !== undefined) {
      if (record?.droppedToMs === undefined) series.droppedToMs = await this.#droppedBefore(series, view);
      if (record !== null && this.#keptOfAll !== null)
        this.#keep(series.key, keptOf(series, this.#keptOfAll));
    }
    // What was not rolled up of longer panes lies in those of now that they began in.
    for (const { paneMs, endMs } of view.coarse)
      if (paneMs <= DAY_MS) series.noteUnfilled(paneMs, endMs);
      else series.passPane(startOf(endMs - 1, paneMs));
    // What was longer than a day has no history: that goes on behind what there is of it.
    if (record?.paneMs === null) series.droppedToMs = Math.max(series.droppedToMs, series.rolledToMs);
    else if (record !== undefined) {
      const { paneMs } = view.layout;
      const beforeMs = record?.paneMs ?? paneMs;
      const passedMs = record?.passedMs?.filter((each) => each !== paneMs) ?? [];
      if ([...passedMs, paneMs].some((each) => areApart(beforeMs, each)))
        await this.#noteMoved(series, view, { beforeMs, passedMs });
    }
    // Those of a series that was not known, or whose record is damaged, are all still to be rolled up.
    if (record === undefined || record === null) await this.#noteStored(series, view);
    for (const blockMs of series.dirty.keys()) {
      if (blockMs + series.blockMs > series.sealedToMs) continue;
      series.dirty.delete(blockMs);
      this.#changes.push({ type: "del", key: HISTORY_KEYS.dirty(series.key, blockMs) });
    }
    if (!isDeepStrictEqual(record, series.record))
      this.#changes.push(SERIES.put(HISTORY_KEYS.series(series.key), series.record));
  }

  /** An earlier build noted it nowhere: what was final went, but for blocks that were still to be rolled up. */
  async #droppedBefore({ blockMs, heldFromMs, rolledToMs }: TrackedSeries, view: PaneView): Promise<number> {
    // A window that is new has not said yet what is final, and let nothing go.
    const finals = view.tracks.map(({ finalToMs }) => finalToMs).filter(Number.isFinite);
    if (finals.length > 0) return startOf(Math.min(...finals, heldFromMs), blockMs);
    const firstMs = await this.#firstPane(view, -Infinity);
    return firstMs === null ? rolledToMs : startOf(firstMs, blockMs);
  }

  /**
   * Panes were of another size: what is in one of them now may have been rolled up in several, or in a block beside. All of it is
   * made anew from where they are whole (`wholeFrom`).
   */
  async #noteMoved(
    series: TrackedSeries,
    view: PaneView,
    { beforeMs, passedMs }: SizesBefore,
  ): Promise<void> {
    const { paneMs } = view.layout;
    const moved = wholeFrom(series, [...passedMs, paneMs], beforeMs);
    series.droppedToMs = moved.fromMs;
    series.moved = Number.isFinite(moved.fromMs) && moved.fromMs % moved.stepMs === 0 ? moved : null;
    const lengthMs = historyBlockMs(beforeMs);
    const passedMsMax = Math.max(0, ...passedMs);
    for (let fromMs = startOf(series.droppedToMs, paneMs); ;) {
      const startMs = await this.#firstPane(view, fromMs);
      if (startMs === null) return;
      const endMs = Math.min(
        startOf(startMs, lengthMs) + lengthMs,
        startOf(startMs, series.blockMs) + series.blockMs,
      );
      // Those that begin before this end here.
      const toMs = Math.max(startMs, startOf(endMs - 1, paneMs)) + paneMs + passedMsMax;
      this.#note(
        series,
        { startMs: startOf(startMs, lengthMs), endMs: startOf(toMs - 1, lengthMs) + lengthMs },
        true,
      );
      fromMs = endMs;
    }
  }

  async #noteStored(series: TrackedSeries, view: PaneView): Promise<void> {
    for (let fromMs = series.droppedToMs; ;) {
      const startMs = await this.#firstPane(view, fromMs);
      if (startMs === null) return;
      this.#note(series, { startMs, endMs: startMs + 1 });
      fromMs = startOf(startMs, series.blockMs) + series.blockMs;
    }
  }

  /** The start of the first stored pane of a view that begins then or later. */
  async #firstPane(view: PaneView, fromMs: number): Promise<number | null> {
    const { from, to } = stateRange("p", view.key, fromMs, Infinity);
    const range = { from: CENTRAL_KEYS.engine(from), to: CENTRAL_KEYS.engine(to), limit: 1 };
    for await (const { key } of this.#store.range(range))
      return parseStateKey(engineKeyOf(key))?.startMs ?? null;
    return null;
  }

  /** Panes are longer than a day now: nothing is told of how they are dropped, nor how long they were. */
  #forgetPanes(key: string): void {
    const record = this.#records.get(key);
    if (record === undefined || record === null || record.paneMs === null) return;
    const filledFromMs = this.series.get(key)?.filledFromMs;
    this.#changes.push(
      SERIES.put(HISTORY_KEYS.series(key), { ...record, filledFromMs, paneMs: null, passedMs: [] }),
    );
  }
}

/** What an earlier build had dropped of all series: no minutes, hours and days that one of them needed. */
function keptOf({ neededFromMs }: TrackedSeries, keptOfAll: KeptFrom): KeptFrom {
  const kept = { ...keptOfAll };
  for (const level of HISTORY_LEVELS.filter(({ bucketMs }) => bucketMs >= MINUTE_MS)) {
    const fromMs = Math.min(keptOfAll[level.name] ?? -Infinity, chunkStartOf(neededFromMs, level));
    kept[level.name] = Number.isFinite(fromMs) ? fromMs : null;
  }
  return kept;
}

interface SizesBefore {
  /** Of the panes that it was rolled up from. */
  readonly beforeMs: number;
  /** That they have had since, by starts that broke off. */
  readonly passedMs: readonly number[];
}

/**
 * Panes of these sizes, one after another, begin there, and one of the buckets that there were, or it is behind what there is. Where
 * the move before this one is not carried out yet, it goes on from where that was to begin: else what it has half made would stay.
 */
function wholeFrom(
  { moved, sealedToMs, rolledToMs, dirty }: TrackedSeries,
  sizesMs: readonly number[],
  beforeMs: number,
): MovedSeries {
  const isMovedLast = moved?.fromMs === sealedToMs;
  const lastMs = sizesMs.reduce(lcm, isMovedLast ? moved.stepMs : 1);
  // Buckets that panes of then were too long for are made of minutes from there on.
  if (isMovedLast && sealedToMs % lastMs === 0) return { fromMs: sealedToMs, stepMs: lastMs };
  const isUnfinished = [...dirty.values()].some(({ isAnew }) => isAnew);
  const stepMs = [...sizesMs, historyPartMs(beforeMs)].reduce(lcm, isMovedLast && isUnfinished ? lastMs : 1);
  const fromMs = Math.min(Math.ceil(sealedToMs / stepMs) * stepMs, Math.max(sealedToMs, rolledToMs));
  return { fromMs, stepMs };
}

function lcm(a: number, b: number): number {
  return (a / gcd(a, b)) * b;
}

/** Whether panes of one size hold what was in several minutes of the other. */
function areApart(beforeMs: number, paneMs: number): boolean {
  return beforeMs !== paneMs && (MINUTE_MS % beforeMs !== 0 || MINUTE_MS % paneMs !== 0);
}
