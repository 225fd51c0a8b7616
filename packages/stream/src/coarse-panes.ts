import type { TimeRange } from "./event-time.ts";
import { mergeRanges } from "./merge-ranges.ts";
import { windowStepMs } from "./pane-size.ts";
import type { WindowSpec } from "./window-spec.ts";

/** Event time of a metric that came in panes coarser than the metric's own. */
export interface CoarsePanes extends TimeRange {
  readonly metric: string;
  /** Each begins at a multiple of it. Of what was not kept apart: a length that no boundary is a multiple of. */
  readonly paneMs: number;
}

/** Ranges that are kept of one metric and pane length; of more the nearest are merged, which marks too much, never too little. */
export const COARSE_RANGES_MAX = 16;

/**
 * The length that panes of a metric are merged to where there is no room for shorter ones: the greatest multiple of theirs
 * up to `levelMs` that no boundary of a window of `levelMs` or more, and of no session, falls into. Theirs where none is.
 */
export function coarsePaneMs(windows: readonly WindowSpec[], paneMs: number, levelMs: number): number {
  const stepsMs = windows
    .map((window) => ({ stepMs: windowStepMs(window), isKept: window.kind === "session" }))
    .filter(({ stepMs, isKept }) => isKept || stepMs >= levelMs);
  for (let coarseMs = paneMs * Math.floor(levelMs / paneMs); coarseMs > paneMs; coarseMs -= paneMs) {
    if (stepsMs.every(({ stepMs }) => stepMs % coarseMs === 0)) return coarseMs;
  }
  return paneMs;
}

/** Lengths that are told apart of one metric. */
const COARSE_LENGTHS_MAX = 8;

/** The same panes and more, in few ranges of few lengths of each metric. */
export function addCoarse(known: readonly CoarsePanes[], added: readonly CoarsePanes[]): CoarsePanes[] {
  const kinds = new Map<string, Map<number, CoarsePanes[]>>();
  for (const panes of [...known, ...added]) {
    const lengths = kinds.get(panes.metric) ?? new Map<number, CoarsePanes[]>();
    kinds.set(panes.metric, lengths);
    const isKept = lengths.has(panes.paneMs) || lengths.size < COARSE_LENGTHS_MAX;
    const paneMs = isKept ? panes.paneMs : Number.MAX_SAFE_INTEGER;
    lengths.set(paneMs, [...(lengths.get(paneMs) ?? []), { ...panes, paneMs }]);
  }
  return [...kinds.values()]
    .flatMap((lengths) => [...lengths.values()])
    .flatMap((same) => mergeRanges(same, COARSE_RANGES_MAX).map((range) => ({ ...same[0], ...range })));
}

/** Whether a coarse pane may lie across a boundary of the window: some of its readings may be in a neighbour. */
export function isStraddled(coarse: readonly CoarsePanes[], metric: string, window: TimeRange): boolean {
  return coarse.some(
    (panes) =>
      panes.metric === metric &&
      [window.startMs, window.endMs].some(
        (boundaryMs) =>
          panes.startMs < boundaryMs && boundaryMs < panes.endMs && boundaryMs % panes.paneMs !== 0,
      ),
  );
}
