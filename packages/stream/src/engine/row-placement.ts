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
    const panesOf = new Map<string, GroupPanes>();
    const ofSeries = rows.series.map((labels) => {
      const group = view.groupOf(labels);
      let panes = panesOf.get(group);
      if (panes === undefined) panesOf.set(group, (panes = { group, last: null, byStart: null }));
      return panes;
    });
    for (let row = 0; row < rows.rowCount; row++) {
      const startMs = view.paneStartOf(rows.startMs[row]);
      const panes = ofSeries[rows.seriesIndex[row]];
      if (panes === undefined || !(Math.abs(startMs) < STATE_TIME_MS_MAX / 2)) continue;
      if (panes.last?.startMs === startMs) panes.last.rows.push(row);
      else this.#place(panes, startMs, row);
    }
  }

  #place(panes: GroupPanes, startMs: EventTimeMs, row: number): void {
    if (panes.last !== null) panes.byStart ??= new Map([[panes.last.startMs, panes.last]]);
    panes.last = panes.byStart?.get(startMs) ?? null;
    if (panes.last === null) {
      panes.last = { startMs, group: panes.group, rows: [] };
      panes.byStart?.set(startMs, panes.last);
      this.panes.push(panes.last);
    }
    panes.last.rows.push(row);
  }
}

/** Most groups have rows of one pane: the table by start is made with the second. */
interface GroupPanes {
  readonly group: string;
  last: PlacedRows | null;
  byStart: Map<EventTimeMs, PlacedRows> | null;
}
