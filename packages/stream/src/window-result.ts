import type { EventTimeMs } from "./event-time.ts";
import type { Labels } from "./series.ts";
import type { Ranked } from "./sketch.ts";

/** provisional: open, or sites missing; complete: every expected agent has passed, may be revised; final: never changes. */
export type WindowState = "provisional" | "complete" | "final";

/** Who stands behind a window: the agents expected at its time, and those whose frontier has passed it. */
export interface Completeness {
  readonly agentsExpected: number;
  readonly agentsReporting: number;
  readonly agentsMissing: readonly string[];
  /** Those of `agentsMissing` that have lost some of the window for good; absent where there are none. */
  readonly agentsWithLoss?: readonly string[];
  /**
   * Those that had no room for panes as fine as the window: of their readings, some near its boundaries may be counted in a
   * neighbouring window, and some of the neighbours' here. All, where central has made its panes longer and shorter again: what
   * came meanwhile, and what comes late, is not here. Absent where there are none.
   */
  readonly agentsCoarse?: readonly string[];
  readonly sitesExpected: number;
  readonly sitesReporting: number;
  readonly sitesMissing: readonly string[];
}

/** One revision of one window of one group. A greater revision replaces a smaller one. */
export interface WindowResult {
  readonly window: string;
  readonly metric: string;
  readonly group: Labels;
  readonly startMs: EventTimeMs;
  readonly endMs: EventTimeMs;
  readonly revision: number;
  readonly state: WindowState;
  /** By the names that the accumulators and sketches of the metric give their results. */
  readonly values: Readonly<Record<string, number>>;
  /** Only where the metric accumulates `topk`: the most frequent inputs, most frequent first. */
  readonly top?: readonly Ranked[];
  /**
   * Only of a session that has merged into another: the start of that one, which may have merged into a third since. It
   * has no values: nothing of it is to be counted.
   */
  readonly mergedIntoMs?: EventTimeMs;
  /** Readings counted beside the window: not good, or accepted without deduplication. */
  readonly beside: { readonly uncertain: number; readonly bad: number; readonly undeduplicated: number };
  readonly completeness: Completeness;
  /** Central's clock when this revision was made. */
  readonly updatedAtMs: number;
  /**
   * Late readings have come since this revision. The window is one of those that are not published again before they are
   * final (`WindowTrack.isRevised`): its values are computed for whoever asks. Absent elsewhere.
   */
  readonly isOutdated?: true;
  /** Central's clock when the values of an outdated result were computed for a query; `revision` is still the last published. */
  readonly computedAtMs?: number;
}
