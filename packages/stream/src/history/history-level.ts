import type { EventTimeMs } from "../event-time.ts";

/** One zoom of the history: buckets of `bucketMs`, stored in chunks of `chunkMs`. Both begin at multiples since 1970, UTC. */
export interface HistoryLevel {
  readonly name: "1s" | "10s" | "1m" | "1h" | "1d";
  /** As it is stored; never reused. */
  readonly number: number;
  readonly bucketMs: number;
  readonly chunkMs: number;
}

/** Finest first. Each bucket is whole buckets of the level below, and each chunk lies in one bucket, or chunk, of the level above. */
export const HISTORY_LEVELS: readonly HistoryLevel[] = [
  { name: "1s", number: 1, bucketMs: 1_000, chunkMs: 360_000 },
  { name: "10s", number: 2, bucketMs: 10_000, chunkMs: 720_000 },
  { name: "1m", number: 3, bucketMs: 60_000, chunkMs: 3_600_000 },
  { name: "1h", number: 4, bucketMs: 3_600_000, chunkMs: 16 * 86_400_000 },
  { name: "1d", number: 5, bucketMs: 86_400_000, chunkMs: 256 * 86_400_000 },
];

/** What is rolled up together is at least so long: fine panes fill a chunk of the finest level. */
const BLOCK_MS_MIN = 360_000;
/** A block may be rolled up in parts of this length. */
const PART_MS_MIN = 60_000;

/** The levels that panes of this size can fill, finest first; none where they are longer than a day. */
export function historyLevels(paneMs: number): readonly HistoryLevel[] {
  return HISTORY_LEVELS.filter(({ bucketMs }) => bucketMs >= paneMs);
}

/** Blocks in which changes of panes of this size are noted. */
export function historyBlockMs(paneMs: number): number {
  return Math.max(BLOCK_MS_MIN, historyLevels(paneMs)[0]?.bucketMs ?? 0);
}

/** Of levels with buckets up to this length, a block's own panes make whole buckets; greater ones are merged from the level below. */
export function historyPartMs(paneMs: number): number {
  return Math.max(PART_MS_MIN, historyLevels(paneMs)[0]?.bucketMs ?? 0);
}

/** The greatest multiple of `lengthMs` up to a time, before 1970 too. */
export function startOf(timeMs: EventTimeMs, lengthMs: number): EventTimeMs {
  return Math.floor(timeMs / lengthMs) * lengthMs;
}
