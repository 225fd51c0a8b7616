import type { EventTimeMs, TimeRange } from "../event-time.ts";
import type { HistoryChunk } from "./history-chunk.ts";
import { startOf } from "./history-level.ts";
import type { HistoryLevel } from "./history-level.ts";
import { HistoryRows } from "./history-rows.ts";

export interface RollUp {
  /** Those that the series' panes can fill, finest first. */
  readonly levels: readonly HistoryLevel[];
  /** Whole parts of one block. */
  readonly range: TimeRange;
  /** Of levels up to this bucket length the range has whole buckets. */
  readonly partMs: number;
  /** All of the series in the range, by buckets of the finest level. */
  readonly rows: HistoryRows;
  /** The chunk of each level that the range lies in, as it was; null where there is none. */
  readonly chunks: readonly (HistoryChunk | null)[];
}

/**
 * The chunks with the range made anew at every level: of fine levels from its rows, of those with longer buckets from the
 * level below. What was there of the range is replaced, so that doing it again changes nothing.
 */
export function rollUp({ levels, range, partMs, rows, chunks }: RollUp): HistoryChunk[] {
  const { fields } = rows;
  const rolled: HistoryChunk[] = [];
  let below = rows;
  for (const [index, { bucketMs }] of levels.entries()) {
    const isOwn = bucketMs <= partMs;
    const replaced = isOwn
      ? range
      : { startMs: startOf(range.startMs, bucketMs), endMs: startOf(range.endMs - 1, bucketMs) + bucketMs };
    const before = chunks[index]?.rows.as(fields);
    const after = new HistoryRows(fields);
    if (before !== undefined) after.addAll(before, -Infinity, replaced.startMs);
    after.addAll(isOwn ? rows : below, replaced.startMs, replaced.endMs, bucketMs);
    if (before !== undefined) after.addAll(before, replaced.endMs, Infinity);
    rolled.push({
      rows: after,
      rolledToMs: Math.max(range.endMs, chunks[index]?.rolledToMs ?? -Infinity),
    });
    below = after;
  }
  return rolled;
}

/** Where the chunk of a level begins that a time lies in. */
export function chunkStartOf(timeMs: EventTimeMs, { chunkMs }: HistoryLevel): EventTimeMs {
  return startOf(timeMs, chunkMs);
}
