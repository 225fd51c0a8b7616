import { AlignedGrid } from "./aligned-grid.ts";
import { DayGrid } from "./day-grid.ts";
import type { EventTimeMs } from "./event-time.ts";
import type { AlignedWindowSpec, DayWindowSpec } from "./window-spec.ts";

/** Where the windows of one definition lie, whatever the data. Every time is in at least one of them. */
export interface WindowGrid {
  /** Starts, descending, of the windows that contain the time, or the pane that begins there. */
  startsAt(timeMs: EventTimeMs): readonly EventTimeMs[];
  /** The end of the window with this start. */
  endOf(startMs: EventTimeMs): EventTimeMs;
  /** The start of the first window that ends after the time. */
  firstEndingAfter(timeMs: EventTimeMs): EventTimeMs;
}

export function windowGrid(spec: AlignedWindowSpec | DayWindowSpec): WindowGrid {
  return spec.kind === "day" ? new DayGrid(spec.timeZone) : new AlignedGrid(spec);
}
