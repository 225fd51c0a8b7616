import type { PipelineView, WindowView } from "../feed/live-frames.ts";

/**
 * The window that a metric's live lines are drawn from: grouped by site alone where there is one, else by site and more,
 * else by anything; tumbling before sliding; the shortest step first; never sessions. `null` when no window reads the metric.
 */
export function trendSource(pipeline: PipelineView, metric: string): WindowView | null {
  const candidates = pipeline.windows.filter(({ metric: own, kind }) => own === metric && kind !== "session");
  candidates.sort(
    (a, b) => groupingRank(a) - groupingRank(b) || slidingRank(a) - slidingRank(b) || a.slideMs - b.slideMs,
  );
  return candidates[0] ?? null;
}

function groupingRank(window: WindowView): number {
  if (!window.by.includes("site")) return 100 + window.by.length;
  return window.by.length;
}

function slidingRank(window: WindowView): number {
  return window.slideMs === window.sizeMs ? 0 : 1;
}
