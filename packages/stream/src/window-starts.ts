import type { EventTimeMs } from "./event-time.ts";
import type { WindowSpec } from "./window-spec.ts";

/** Starts (multiples of the slide), descending, of the windows that contain the time or the pane that begins there. */
export function windowStarts(timeMs: EventTimeMs, spec: Pick<WindowSpec, "sizeMs" | "slideMs">): number[] {
  const starts: number[] = [];
  for (let start = latestWindowStart(timeMs, spec); start + spec.sizeMs > timeMs; start -= spec.slideMs)
    starts.push(start);
  return starts;
}

/** The latest start at or before the time; its window may end before it, where the slide is longer than the size. */
export function latestWindowStart(timeMs: EventTimeMs, spec: Pick<WindowSpec, "slideMs">): number {
  return Math.floor(timeMs / spec.slideMs) * spec.slideMs;
}
