import type { EventTimeMs } from "../event-time.ts";
import type { PaneRows } from "../pane-rows.ts";
import { matchLayouts } from "../pane-state.ts";
import type { LayoutMatch } from "../pane-state.ts";
import type { PaneView } from "./pane-view.ts";
import { STATE_TIME_MS_MAX } from "./state-key.ts";

/** The rows of a batch that fall into one pane of a view. */
export interface PlacedRows {
  readonly startMs: EventTimeMs;
  readonly group: string;
  readonly rows: number[];
}

/**
 * The rows of a batch by the panes of a view that they fall into: what hangs on the pane is done once, however many rows it
 * gains. Rows whose time is none are in no pane.
 */
export class RowPlacement {
  readonly view: PaneView;
  readonly match: LayoutMatch;
  /** In order of their first rows. */
  readonly panes: PlacedRows[] = [];

  constructor(view: PaneView, rows: PaneRows) {
    this.view = view;
    this.match = matchLayouts(view.layout, rows.layout);
    const { paneMs } = view.layout;
    const { names, indexOf } = view.groupsOf(rows.series);
    const firstMs = firstPaneOf(view, rows);
    /** By group, then by the pane's number from the first: with holes, where the panes are far from one another. */
    const placed: PlacedRows[][] = names.map(() => []);
    for (let row = 0; row < rows.rowCount; row++) {
      const startMs = view.paneStartOf(rows.startMs[row]);
      const group = indexOf[rows.seriesIndex[row]];
      if (group === undefined || !isPlace(startMs)) continue;
      const panes = placed[group];
      const at = (startMs - firstMs) / paneMs;
      let pane = panes[at];
      if (pane === undefined) {
        pane = { startMs, group: names[group], rows: [] };
        panes[at] = pane;
        this.panes.push(pane);
      }
      pane.rows.push(row);
    }
  }
}

function firstPaneOf(view: PaneView, rows: PaneRows): EventTimeMs {
  let firstMs = Infinity;
  for (let row = 0; row < rows.rowCount; row++) {
    const startMs = view.paneStartOf(rows.startMs[row]);
    if (startMs < firstMs && isPlace(startMs)) firstMs = startMs;
  }
  return firstMs;
}

function isPlace(startMs: EventTimeMs): boolean {
  return Math.abs(startMs) < STATE_TIME_MS_MAX / 2;
}
