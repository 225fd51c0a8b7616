import type { TimeRange } from "./event-time.ts";

/**
 * The same event time in at most `max` (at least 1) disjoint ascending ranges. Ranges that overlap or touch become one; if they are
 * still too many, the nearest neighbours are merged first, so that the least is claimed besides.
 */
export function mergeRanges(ranges: readonly TimeRange[], max: number): TimeRange[] {
  const sorted = ranges.filter((range) => range.startMs < range.endMs).sort((a, b) => a.startMs - b.startMs);
  const merged: TimeRange[] = [];
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || range.startMs > previous.endMs) merged.push(range);
    else if (range.endMs > previous.endMs)
      merged[merged.length - 1] = { startMs: previous.startMs, endMs: range.endMs };
  }
  if (merged.length <= max) return merged;
  const gaps = merged
    .slice(1)
    .map((range, index) => ({ at: index + 1, gapMs: range.startMs - merged[index].endMs }));
  const kept = new Set(
    gaps
      .sort((a, b) => b.gapMs - a.gapMs || a.at - b.at)
      .slice(0, max - 1)
      .map((gap) => gap.at),
  );
  const result: TimeRange[] = [];
  for (const [index, range] of merged.entries()) {
    if (index === 0 || kept.has(index)) result.push(range);
    else result[result.length - 1] = { startMs: result.at(-1)!.startMs, endMs: range.endMs };
  }
  return result;
}
