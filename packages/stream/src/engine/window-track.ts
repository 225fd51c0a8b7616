import type { EventTimeMs } from "../event-time.ts";
import type { Labels } from "../series.ts";
import type { WindowResult, WindowState } from "../window-result.ts";
import type { WindowSpec } from "../window-spec.ts";
import { ByStart } from "./by-start.ts";
import type { PaneView } from "./pane-view.ts";
import { windowKeyName } from "./state-key.ts";

/** One window of one group, while it is in memory. */
export interface WindowRecord {
  readonly track: WindowTrack;
  readonly group: string;
  readonly labels: Labels;
  readonly startMs: EventTimeMs;
  readonly endMs: EventTimeMs;
  state: WindowState;
  /** The last result; null before the first. */
  result: WindowResult | null;
  /** `result.completeness` as text. */
  completenessKey: string;
  /** Its panes may have gained something since the last result. */
  isDirty: boolean;
  /** All its panes that exist are in memory. */
  hasPanes: boolean;
  openedAtMs: number;
  firstPassedAtMs: number | null;
  /** Nothing to do before this on central's clock, unless the standing of the agents changes. */
  nextCheckMs: number;
}

/** All windows of one definition, and how far they are final. */
export class WindowTrack {
  readonly spec: WindowSpec;
  readonly view: PaneView;
  readonly key: string;
  readonly records = new ByStart<WindowRecord>();
  /** Every window that starts before this is final. */
  finalToMs: EventTimeMs = -Infinity;
  /** Windows that start before this, and are not final, are in memory: the caller has read them. */
  finalReadyMs: EventTimeMs = -Infinity;
  /** Windows that start before this may be in the store only. */
  evictedToMs: EventTimeMs = -Infinity;

  constructor(spec: WindowSpec, view: PaneView) {
    this.spec = spec;
    this.view = view;
    this.key = windowKeyName(spec.name);
  }

  /** Windows that start before this may be in the store only, from now on. */
  hasStoredTo(toMs: EventTimeMs): void {
    this.evictedToMs = Math.max(this.evictedToMs, toMs);
  }

  /** The start of the first window whose lateness is not over. */
  lateToMs(nowMs: number): EventTimeMs {
    const { latenessMs, sizeMs, slideMs } = this.spec;
    return Math.floor((nowMs - latenessMs - sizeMs) / slideMs) * slideMs + slideMs;
  }
}
