import { setUnknown } from "../accumulators/set-unknown.ts";
import { ACCUMULATORS } from "../accumulators/table.ts";
import type { EventTimeMs } from "../event-time.ts";
import { paneLayout } from "../pane-layout.ts";
import type { PaneLayout } from "../pane-layout.ts";
import type { Labels } from "../series.ts";
import type { MetricSpec } from "../window-spec.ts";
import { ByStart } from "./by-start.ts";
import { viewKeyName } from "./state-key.ts";
import type { WindowRecord, WindowTrack } from "./window-track.ts";

export interface Pane {
  readonly startMs: EventTimeMs;
  readonly group: string;
  readonly state: Float64Array;
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
  readonly identity: Float64Array;
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
    this.identity = new Float64Array(this.layout.stride);
    for (const [index, name] of this.layout.accumulators.entries()) {
      ACCUMULATORS[name].identity(this.identity, this.layout.offsets[index]);
    }
  }

  /** The group of a series, as in keys; a label that the series lacks is "". */
  groupOf(labels: Labels): string {
    return JSON.stringify(this.by.map((name) => labels[name] ?? ""));
  }

  labelsOf(group: string): Labels {
    const values: readonly string[] = JSON.parse(group);
    return Object.fromEntries(this.by.map((name, index) => [name, values[index] ?? ""]));
  }

  /** For each accumulator here, its offset in rows of another layout; -1 where those lack it. */
  offsetsIn(other: PaneLayout): number[] {
    return this.layout.accumulators.map((name) => other.offsets[other.accumulators.indexOf(name)] ?? -1);
  }

  /** Adds a pane that is not in memory: with this state, or empty. */
  open(startMs: EventTimeMs, group: string, state: Float64Array = this.identity.slice()): Pane {
    const pane: Pane = { startMs, group, state, isChanged: false, records: [], recordsVersion: -1 };
    this.panes.set(startMs, group, pane);
    return pane;
  }

  /** What the row's layout lacks of this one becomes unknown. */
  mergeRow(pane: Pane, offsets: readonly number[], from: Float64Array, fromAt: number): void {
    const { accumulators, offsets: own } = this.layout;
    for (let index = 0; index < accumulators.length; index++) {
      const offset = offsets[index];
      const accumulator = ACCUMULATORS[accumulators[index]];
      if (offset >= 0) accumulator.merge(pane.state, own[index], from, fromAt + offset);
      else if (from[fromAt] > 0) setUnknown(accumulator, pane.state, own[index]);
    }
  }

  /** The merge of a group's panes in `[startMs, endMs)`, in order of time: always the same bits for the same panes. */
  merged(group: string, startMs: EventTimeMs, endMs: EventTimeMs): Float64Array {
    const { accumulators, offsets, paneMs } = this.layout;
    const state = this.identity.slice();
    for (let at = startMs; at < endMs; at += paneMs) {
      const pane = this.panes.get(at, group);
      if (pane === undefined) continue;
      for (let index = 0; index < accumulators.length; index++) {
        ACCUMULATORS[accumulators[index]].merge(state, offsets[index], pane.state, offsets[index]);
      }
    }
    return state;
  }
}
