import type { TimeRange } from "../event-time.ts";
import type { Labels } from "../series.ts";
import type { Standing, WindowStanding } from "./standing.ts";
import type { WindowTrack } from "./window-track.ts";

/** How those behind a window of a track stand to it: the agents of its site, or all, or the partitions of its stream. */
export function standingOf(
  standing: Standing,
  track: WindowTrack,
  window: TimeRange,
  labels: Labels,
): WindowStanding {
  const { startMs, endMs } = track.owedOf(window);
  const { stream } = track.view;
  const isKept = track.isKept(window);
  if (stream !== undefined) return standing.ofStream(startMs, endMs, stream, isKept);
  const site = track.spec.by.includes("site") ? labels["site"] : undefined;
  return standing.of(startMs, endMs, site, track.spec.metric, isKept);
}
