import { isStraddled } from "../coarse-panes.ts";
import type { EventTimeMs, TimeRange } from "../event-time.ts";
import { windowStepMs } from "../pane-size.ts";
import { windowGrid } from "../window-grid.ts";
import type { WindowGrid } from "../window-grid.ts";
import type { AlignedWindowSpec, DayWindowSpec } from "../window-spec.ts";
import type { WindowResult } from "../window-result.ts";
import type { PaneSet } from "./pane-set.ts";
import type { PaneView } from "./pane-view.ts";
import { WindowTrack } from "./window-track.ts";

/** Windows whose place does not depend on the data. */
export class GridTrack extends WindowTrack {
  readonly spec: AlignedWindowSpec | DayWindowSpec;
  readonly grid: WindowGrid;
  readonly panes: PaneSet;

  constructor(spec: AlignedWindowSpec | DayWindowSpec, view: PaneView) {
    super(spec.name, view);
    this.spec = spec;
    this.grid = windowGrid(spec);
    const { long } = view;
    this.panes = long !== null && windowStepMs(spec) % long.layout.paneMs === 0 ? long : view;
  }

  override get closedEndMs(): EventTimeMs {
    let toMs = Math.max(this.finalToMs, this.keptBeforeMs);
    for (const { endMs } of this.view.coarse) toMs = Math.max(toMs, endMs);
    return Number.isFinite(toMs) ? this.grid.endOf(toMs) : toMs;
  }

  /** Whether the window that starts then takes nothing any more. */
  isClosed(startMs: EventTimeMs): boolean {
    if (startMs < this.finalToMs || startMs < this.keptBeforeMs) return true;
    return this.view.coarse.length > 0 && this.isKept({ startMs, endMs: this.grid.endOf(startMs) });
  }

  override takesAt(paneMs: EventTimeMs): boolean {
    return this.startsOver(paneMs).some((startMs) => !this.isClosed(startMs));
  }

  override isStale(result: WindowResult): boolean {
    const { startMs, endMs, state } = result;
    if (startMs >= this.staleToMs || state === "final" || this.isKept(result)) return false;
    // One of another length, or beside the grid, is of a definition before.
    return this.grid.startsAt(startMs).includes(startMs) && this.grid.endOf(startMs) === endMs;
  }

  override get keptToMs(): EventTimeMs {
    const stepMs = windowStepMs(this.spec);
    let toMs = this.keptBeforeMs;
    for (const { paneMs, endMs } of this.view.coarse) if (stepMs % paneMs !== 0) toMs = Math.max(toMs, endMs);
    return toMs;
  }

  override get wholeFromMs(): EventTimeMs {
    const { keptToMs, spec, grid } = this;
    if (!Number.isFinite(keptToMs)) return keptToMs;
    const [startMs] = grid.startsAt(keptToMs);
    if (startMs === keptToMs) return startMs;
    return spec.kind === "aligned" ? startMs + spec.slideMs : grid.endOf(startMs);
  }

  override isKept(window: TimeRange): boolean {
    return window.startMs < this.keptBeforeMs || isStraddled(this.view.coarse, this.view.metric, window);
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
