import type { EventTimeMs } from "../event-time.ts";
import { paneLayout } from "../pane-layout.ts";
import type { PaneLayout } from "../pane-layout.ts";
import { emptyPane, mergePane } from "../pane-state.ts";
import type { PaneState } from "../pane-state.ts";
import type { Labels } from "../series.ts";
import type { MetricSpec } from "../window-spec.ts";
import { ByStart } from "./by-start.ts";
import { viewKeyName } from "./state-key.ts";
import type { WindowRecord, WindowTrack } from "./window-track.ts";

export interface Pane {
  readonly startMs: EventTimeMs;
  readonly group: string;
  readonly state: PaneState;
  /** Not yet among the taken changes. */
  isChanged: boolean;
  /** The windows it belongs to, as of `recordsVersion` of the view. */
  records: readonly WindowRecord[];
  recordsVersion: number;
}

/** The panes of a metric grouped by certain labels; every window with that metric and those labels looks at them. */
export class PaneView {
  readonly key: string;
  readonly layout: PaneLayout;
  readonly by: readonly string[];
  readonly tracks: WindowTrack[] = [];
  readonly panes = new ByStart<Pane>();
  /** Every pane from here on is in memory, if there is one; earlier ones may be in the store only. */
  residentFromMs: EventTimeMs = -Infinity;
  /** The store has no panes before this. */
  droppedToMs: EventTimeMs = -Infinity;
  /** Rises when windows leave memory: what panes know of their windows is out of date. */
  version = 0;

  constructor(metric: MetricSpec, paneMs: number, by: readonly string[]) {
    this.key = viewKeyName(metric.name, paneMs, by);
    this.by = by;
    this.layout = paneLayout(paneMs, metric.accumulate);
  }

  /** The group of a series, as in keys; a label that the series lacks is "". */
  groupOf(labels: Labels): string {
    return JSON.stringify(this.by.map((name) => labels[name] ?? ""));
  }

  labelsOf(group: string): Labels {
    const values: readonly string[] = JSON.parse(group);
    return Object.fromEntries(this.by.map((name, index) => [name, values[index] ?? ""]));
  }

  /** Adds a pane that is not in memory: with this state, or empty. */
  open(startMs: EventTimeMs, group: string, state: PaneState = emptyPane(this.layout)): Pane {
    const pane: Pane = { startMs, group, state, isChanged: false, records: [], recordsVersion: -1 };
    this.panes.set(startMs, group, pane);
    return pane;
  }

  /** The merge of a group's panes in `[startMs, endMs)`, in order of time: always the same bits for the same panes. */
  merged(group: string, startMs: EventTimeMs, endMs: EventTimeMs): PaneState {
    const state = emptyPane(this.layout);
    for (let at = startMs; at < endMs; at += this.layout.paneMs) {
      const pane = this.panes.get(at, group);
      if (pane !== undefined) mergePane(this.layout, state, pane.state);
    }
    return state;
  }
}
