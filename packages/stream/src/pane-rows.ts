import type { Labels } from "./series.ts";
import type { PaneLayout } from "./pane-layout.ts";
import type { Sketch } from "./sketch.ts";

/**
 * Deltas of panes of one metric, row by row: what each pane has gained since its last delta. Deltas merge additively:
 * the pane is the merge of all its deltas in any order.
 */
export interface PaneRows {
  readonly metric: string;
  readonly layout: PaneLayout;
  readonly rowCount: number;
  /** The label sets that `seriesIndex` points into. */
  readonly series: readonly Labels[];
  readonly seriesIndex: Uint32Array;
  /** Start of each row's pane, event time ms, a multiple of `layout.paneMs`. */
  readonly startMs: Float64Array;
  /** Row-major accumulator states: row `r` begins at `r * layout.stride`. */
  readonly state: Float64Array;
  /** For each of `layout.sketches` a column with one sketch a row; null where it is unknown. */
  readonly sketches: readonly SketchColumn[];
  /** What these rows hold is taken out of the panes again; it was merged in before. */
  readonly isRetraction?: boolean;
  /** They are for panes that are grouped by these labels only, each list as JSON; absent: for all of the metric. */
  readonly groupings?: ReadonlySet<string>;
  /** Accumulators of a newer writer, as they came: of all these rows in this order, which nobody here can cut or merge. */
  readonly unread?: readonly UnreadColumn[];
}

/** What a newer version accumulated, of a number unknown here: carried on where the rows stay as they are. */
export interface UnreadColumn {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export type SketchColumn = readonly (Sketch | null)[];
