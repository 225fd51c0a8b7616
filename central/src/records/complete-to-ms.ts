import type { RecordPartitionView } from "./record-stream-view.ts";

/** How far all of a stream is complete; null while a partition has something to be read, and nothing of it has been. */
export function completeToMs(
  partitions: readonly Pick<RecordPartitionView, "watermarkMs" | "isIdle">[],
): number | null {
  let slowestMs = Infinity;
  for (const { watermarkMs, isIdle } of partitions)
    if (watermarkMs !== null) slowestMs = Math.min(slowestMs, watermarkMs);
    else if (!isIdle) return null;
  return slowestMs === Infinity ? null : slowestMs;
}
