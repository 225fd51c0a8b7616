import type { EventTimeMs, TimeRange } from "../event-time.ts";
import { windowGrid } from "../window-grid.ts";
import type { WindowGrid } from "../window-grid.ts";
import type { AlignedWindowSpec, DayWindowSpec } from "../window-spec.ts";
import type { PaneView } from "./pane-view.ts";
import { WindowTrack } from "./window-track.ts";

/** Windows whose place does not depend on the data. */
export class GridTrack extends WindowTrack {
  readonly spec: AlignedWindowSpec | DayWindowSpec;
  readonly grid: WindowGrid;

  constructor(spec: AlignedWindowSpec | DayWindowSpec, view: PaneView) {
    super(spec.name, view);
    this.spec = spec;
    this.grid = windowGrid(spec);
  }

  /** No window that is final reaches beyond this. */
  get finalEndMs(): EventTimeMs {
    return Number.isFinite(this.finalToMs) ? this.grid.endOf(this.finalToMs) : this.finalToMs;
  }

  startsOver(paneMs: EventTimeMs): readonly EventTimeMs[] {
    return this.grid.startsAt(paneMs);
  }

  owedOf(window: TimeRange): TimeRange {
    return window;
  }

  /** Of overlapping windows one in each size of time: the first that starts at a multiple of it or later. */
  override isRevised(startMs: EventTimeMs): boolean {
    if (this.spec.kind !== "aligned") return true;
    const { sizeMs, slideMs, offsetMs } = this.spec;
    const sizesBefore = (timeMs: EventTimeMs) => Math.floor((timeMs - offsetMs) / sizeMs);
    return sizesBefore(startMs) !== sizesBefore(startMs - slideMs);
  }

  panesOf(startMs: EventTimeMs, endMs: EventTimeMs): TimeRange {
    return { startMs, endMs };
  }

  protected firstOpenMs(timeMs: EventTimeMs): EventTimeMs {
    return this.grid.firstEndingAfter(timeMs);
  }
}
