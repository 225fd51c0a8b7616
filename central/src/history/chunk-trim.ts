import type { CentralConfig } from "@millrace/config";
import type { Change, Store } from "@millrace/queue";
import { chunkBuckets, HISTORY_LEVELS } from "@millrace/stream";
import type { HistoryLevel } from "@millrace/stream";
import { chunkPlaceOf, chunksAt, chunksBetween, HISTORY_KEYS } from "./history-keys.ts";
import type { LevelTotals } from "./history-totals.ts";
import { KEPT_FROM } from "./kept-from.ts";
import type { TrackedSeries } from "./tracked-series.ts";

/** Chunks of a level that one commit drops: more than one writes. */
const DROPPED_BYTES_MAX = 4_194_304;
/** Places of a level that one commit looks at, each a read: some milliseconds. */
const PLACES_MAX = 100;

export interface TrimTurn {
  readonly nowMs: number;
  readonly series: readonly TrackedSeries[];
  /** Of each level, kept up. */
  readonly totals: Record<HistoryLevel["name"], LevelTotals>;
  /** What the commit writes: the deletions are added. */
  readonly changes: Change[];
}

/** A series that may be dropped of, and how much. */
interface Candidate {
  readonly series: TrackedSeries;
  /** Chunks that end after this stay. */
  readonly boundMs: number;
}

/** What is to be dropped of a level. */
interface LevelTrim {
  readonly level: HistoryLevel;
  /** Chunks that end up to then are too old. */
  readonly dueMs: number;
  readonly bytesMax: number;
  readonly totals: TrimTurn["totals"];
  readonly changes: Change[];
  bytesLeft: number;
}

/**
 * Drops chunks that are too old, or do not fit, the oldest first and some at a time. What late data may still be merged with
 * stays, of each series as far as its own panes are final: one whose time is long ago holds nothing of another. For that each
 * series has a place in each level up to which nothing of it is there.
 */
export class ChunkTrim {
  readonly #store: Store;
  readonly #limits: CentralConfig["history"];
  #isBehind = false;

  constructor(store: Store, limits: CentralConfig["history"]) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Whether more is to be dropped at once. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Rejects with `store_read`. */
  async trim({ nowMs, series: all, totals, changes }: TrimTurn): Promise<void> {
    this.#isBehind = false;
    const candidates = all.map((series) => ({
      series,
      keptFromMs: series.keptFromMs,
      neededFromMs: Math.min(series.neededFromMs, nowMs),
    }));
    for (const level of HISTORY_LEVELS) {
      const { retainMs, bytesMax } = this.#limits[level.name];
      await this.#trimLevel(
        { level, dueMs: nowMs - retainMs, bytesMax, totals, changes, bytesLeft: DROPPED_BYTES_MAX },
        candidates.map(({ series, neededFromMs }) => ({
          series,
          boundMs: level.bucketMs < 60_000 ? Infinity : neededFromMs,
        })),
      );
    }
    for (const { series, keptFromMs } of candidates)
      if (series.keptFromMs !== keptFromMs)
        changes.push(KEPT_FROM.put(HISTORY_KEYS.keptFrom(series.key), series.keptFromMs));
  }

  async #trimLevel(trim: LevelTrim, candidates: readonly Candidate[]): Promise<void> {
    for (let placesLeft = PLACES_MAX; ; placesLeft--) {
      const series = oldest(trim, candidates);
      if (series === null) return;
      if (placesLeft === 0 || trim.bytesLeft <= 0) {
        this.#isBehind = true;
        return;
      }
      await this.#trimPlace(trim, series);
    }
  }

  /** What a series has where it may have its first chunks; then where the next may be. */
  async #trimPlace(trim: LevelTrim, series: TrackedSeries): Promise<void> {
    const { level } = trim;
    const startMs = series.chunksFromMs(level);
    const endMs = startMs + level.chunkMs;
    const place = chunksAt({ level: level.number, startMs, series: series.key });
    for await (const { key, value } of this.#store.range(place)) {
      if (trim.bytesLeft <= 0 || !isOver(trim, series, endMs)) return;
      trim.bytesLeft -= value.length;
      trim.changes.push({ type: "del", key });
      series.drop(level, endMs);
      drop(trim, value, isOld(trim, series, endMs));
    }
    const { to } = chunksBetween(level.number, startMs, Infinity);
    let nextMs = Infinity;
    for await (const { key } of this.#store.range({ from: place.to, to, limit: 1 }))
      nextMs = Math.max(chunkPlaceOf(key).startMs, endMs);
    series.passChunks(level, nextMs);
  }
}

/** The series of which the oldest is to go; null: nothing is. */
function oldest(trim: LevelTrim, candidates: readonly Candidate[]): TrackedSeries | null {
  const { level } = trim;
  let first: TrackedSeries | null = null;
  let firstMs = Infinity;
  for (const { series, boundMs } of candidates) {
    const startMs = series.chunksFromMs(level);
    const endMs = startMs + level.chunkMs;
    if (startMs >= firstMs || endMs > boundMs || !isOver(trim, series, endMs)) continue;
    first = series;
    firstMs = startMs;
  }
  return first;
}

function isOver(trim: LevelTrim, series: TrackedSeries, endMs: number): boolean {
  return isOld(trim, series, endMs) || trim.totals[trim.level.name].bytes > trim.bytesMax;
}

function isOld({ dueMs }: LevelTrim, series: TrackedSeries, endMs: number): boolean {
  return endMs <= dueMs || series.isGone;
}

function drop({ level, totals }: LevelTrim, value: Uint8Array, isTooOld: boolean): void {
  const { bytes, droppedByAge, droppedBySize } = totals[level.name];
  const buckets = chunkBuckets(value);
  totals[level.name] = {
    bytes: bytes - value.length,
    droppedByAge: droppedByAge + (isTooOld ? buckets : 0),
    droppedBySize: droppedBySize + (isTooOld ? 0 : buckets),
  };
}
