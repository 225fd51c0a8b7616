import { HISTORY_LEVELS, historyBlockMs, historyLevels, historyPartMs, startOf } from "@millrace/stream";
import type { HistoryLevel, PaneView } from "@millrace/stream";
import type { FilledFrom } from "./filled-from.ts";
import { NOTHING_DROPPED } from "./kept-from.ts";
import type { KeptFrom } from "./kept-from.ts";
import type { MovedSeries, SeriesRecord } from "./series-record.ts";

/** When the panes of a block began to differ from what is rolled up of them, and last did; monotonic. */
export interface DirtyBlock {
  readonly sinceMs: number;
  changedMs: number;
  /** Panes of another size were rolled up in it: it is made anew of all groups. */
  readonly isAnew: boolean;
}

/** How a block is rolled up. */
export interface BlockPlan {
  /** Finest first. */
  readonly levels: readonly HistoryLevel[];
  /** Of levels with buckets up to this length the block's own panes make whole buckets. */
  readonly partMs: number;
}

/** What is known of a series of the history: a metric, grouped by certain labels. */
export class TrackedSeries {
  readonly key: string;
  readonly metric: string;
  readonly by: readonly string[];
  /** Its panes; null where the pipeline has no window of them any more: what is kept can still be asked for. */
  readonly view: PaneView | null;
  readonly levels: readonly HistoryLevel[];
  readonly blockMs: number;
  /** Every block before this has been rolled up at least once: later ones are read from their panes. Durable. */
  rolledToMs = -Infinity;
  /** Panes that begin before this may have been dropped, by whichever windows there were. Durable. */
  droppedToMs = -Infinity;
  /** Durable. */
  filledFromMs: FilledFrom = {};
  /** Durable. */
  moved: MovedSeries | null = null;
  /** By start. Durable, but for the times. */
  readonly dirty = new Map<number, DirtyBlock>();
  /** By group, the start of the last chunk of the coarsest level that it is in. */
  readonly groups = new Map<string, number>();
  /** Queries that one roll-up after another has overtaken: while there are any, no other begins. */
  overtakenCount = 0;
  readonly #paneMs: number;
  readonly #chunksFromMs = new Map<HistoryLevel, number>();
  /** Durable. */
  #keptFromMs = NOTHING_DROPPED;

  constructor(options: {
    readonly key: string;
    readonly metric: string;
    readonly by: readonly string[];
    readonly view: PaneView | null;
    readonly levels: readonly HistoryLevel[];
  }) {
    this.key = options.key;
    this.metric = options.metric;
    this.by = options.by;
    this.view = options.view;
    this.levels = options.levels;
    this.#paneMs = this.view?.layout.paneMs ?? options.levels[0].bucketMs;
    this.blockMs = historyBlockMs(this.#paneMs);
  }

  static of(key: string, view: PaneView): TrackedSeries | null {
    const levels = historyLevels(view.layout.paneMs);
    const { metric, by } = view;
    return levels.length === 0 ? null : new TrackedSeries({ key, metric, by, view, levels });
  }

  /** Panes from here on must stay: they are not rolled up. */
  get heldFromMs(): number {
    let heldFromMs = Infinity;
    for (const blockMs of this.dirty.keys()) heldFromMs = Math.min(heldFromMs, blockMs);
    return heldFromMs;
  }

  get keptFromMs(): KeptFrom {
    return this.#keptFromMs;
  }

  restoreKept(keptFromMs: KeptFrom): void {
    this.#keptFromMs = keptFromMs;
    this.#chunksFromMs.clear();
  }

  /** By level: what begins before this it lacks some of, dropped or never filled; null: nothing. */
  get wholeFromMs(): KeptFrom {
    const wholeFromMs: Record<HistoryLevel["name"], number | null> = { ...this.#keptFromMs };
    for (const { name } of HISTORY_LEVELS) {
      const fromMs = Math.max(wholeFromMs[name] ?? -Infinity, this.filledFromMs[name] ?? -Infinity);
      wholeFromMs[name] = Number.isFinite(fromMs) ? fromMs : null;
    }
    return wholeFromMs;
  }

  /**
   * Panes that begin before a time were of this size: levels with shorter buckets, that are asked for by now, have at most what
   * late data fills of it, or all of a long pane in the bucket that it began in.
   */
  noteUnfilled(paneMs: number, toMs: number): void {
    for (const { name, bucketMs } of this.levels) {
      const fromMs = Math.max(Math.ceil(toMs / bucketMs) * bucketMs, this.filledFromMs[name] ?? -Infinity);
      if (bucketMs < paneMs && Number.isFinite(fromMs))
        this.filledFromMs = { ...this.filledFromMs, [name]: fromMs };
    }
  }

  /** In the pane that then is in lies what is of no bucket: it is not rolled up, nor any before. */
  passPane(timeMs: number): void {
    this.droppedToMs = Math.max(this.droppedToMs, startOf(timeMs, this.#paneMs) + this.#paneMs);
  }

  /** Whether the chunk of a level that begins then is dropped: it does not come again with late data. */
  isDropped({ name }: HistoryLevel, startMs: number): boolean {
    return startMs < (this.#keptFromMs[name] ?? -Infinity);
  }

  /** Some of its chunks that end then are dropped. */
  drop({ name }: HistoryLevel, endMs: number): void {
    this.#keptFromMs = { ...this.#keptFromMs, [name]: Math.max(this.#keptFromMs[name] ?? -Infinity, endMs) };
  }

  /** No chunk of it that is stored begins before this; Infinity: none is stored. */
  chunksFromMs(level: HistoryLevel): number {
    // Those that begin where the last were dropped may not all be gone.
    return this.#chunksFromMs.get(level) ?? (this.#keptFromMs[level.name] ?? -Infinity) - level.chunkMs;
  }

  /** No chunk of it begins before this. */
  passChunks(level: HistoryLevel, toMs: number): void {
    this.#chunksFromMs.set(level, toMs);
  }

  /** A chunk is written that begins then. */
  addChunk(level: HistoryLevel, startMs: number): void {
    this.#chunksFromMs.set(level, Math.min(this.chunksFromMs(level), startMs));
  }

  /**
   * What begins before this is rolled up for good: panes of it are gone, or minutes and hours that it would be made of, which
   * they may be where for a time no window was over it. A block that begins before and ends later is made anew from here on.
   */
  get sealedToMs(): number {
    return Math.max(
      this.droppedToMs,
      this.#keptFromMs["1m"] ?? -Infinity,
      this.#keptFromMs["1h"] ?? -Infinity,
    );
  }

  /**
   * What late data may still be merged with begins here, of levels of a minute and more: an hour is made of minutes, a day of
   * hours. Its own panes alone count: the time of another stream says nothing of it.
   */
  get neededFromMs(): number {
    return this.view === null ? Infinity : this.sealedToMs - DAY_MS;
  }

  get record(): SeriesRecord {
    const { metric, by, rolledToMs, droppedToMs, filledFromMs, moved } = this;
    return {
      metric,
      by,
      rolledToMs: Number.isFinite(rolledToMs) ? rolledToMs : null,
      droppedToMs: Number.isFinite(droppedToMs) ? droppedToMs : null,
      paneMs: this.#paneMs,
      filledFromMs,
      ...(moved?.fromMs === this.sealedToMs && { moved }),
    };
  }

  /** Whether a block is made anew of all groups, an hour at a time at most, and of minutes though its panes are longer. */
  isAnew(blockMs: number): boolean {
    return blockMs < this.sealedToMs || this.dirty.get(blockMs)?.isAnew === true;
  }

  planOf(isAnew: boolean): BlockPlan {
    const paneMs = isAnew ? Math.min(this.#paneMs, MINUTE_MS) : this.#paneMs;
    return { levels: historyLevels(paneMs), partMs: historyPartMs(paneMs) };
  }

  /** Nothing of it can be asked for any more: it has no panes, and its groups are forgotten. */
  get isGone(): boolean {
    return this.view === null && this.groups.size === 0;
  }

  /** Nothing of it is stored either. */
  get isCleared(): boolean {
    return this.isGone && HISTORY_LEVELS.every((level) => this.chunksFromMs(level) === Infinity);
  }

  /** The block that is due to be rolled up; null: none. New ones come first, and in order of time. */
  dueBlock(nowMs: number, monotonicMs: number): number | null {
    let first: number | null = null;
    let again: number | null = null;
    let sinceMs = Infinity;
    for (const [blockMs, dirty] of this.dirty) {
      if (blockMs >= this.rolledToMs) {
        const isOver = blockMs + this.blockMs + SETTLE_MS <= nowMs;
        if (isOver && (first === null || blockMs < first)) first = blockMs;
        // One that is not over may have been rolled up all the same: by a clock that was ahead.
      } else if (isDue(dirty, monotonicMs) && dirty.sinceMs < sinceMs) {
        sinceMs = dirty.sinceMs;
        again = blockMs;
      }
    }
    const isFirstDue = first !== null && isDue(this.dirty.get(first), monotonicMs);
    return isFirstDue ? first : again;
  }
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** How long after its end a block is rolled up for the first time: agents are a few seconds behind. */
const SETTLE_MS = 30_000;
/** What still changes waits until it is quiet for so long, */
const QUIET_MS = 5_000;
/** and no longer than this. */
const WAIT_MS_MAX = 60_000;

function isDue(dirty: DirtyBlock | undefined, monotonicMs: number): boolean {
  if (dirty === undefined) return false;
  return monotonicMs - dirty.changedMs >= QUIET_MS || monotonicMs - dirty.sinceMs >= WAIT_MS_MAX;
}
