import { paneLayoutOf } from "./pane-layout.ts";
import type { PaneLayout } from "./pane-layout.ts";
import type { PaneRows } from "./pane-rows.ts";
import { emptyPane, matchLayouts, mergeRows } from "./pane-state.ts";
import type { PaneState } from "./pane-state.ts";
import { seriesKey } from "./series.ts";
import type { Labels } from "./series.ts";

/**
 * The same readings in coarser panes: rows of one series whose panes lie in the same coarser one are merged, deltas of one
 * pane too. `coarseMsOf` is a multiple of the pane length of whatever can be merged; the rest stays as it is. Counts, sums
 * and sketches are those of all the rows; only when in the pane a reading was is not told any more. Rows with something unread
 * stay as they are: nobody here can merge that.
 */
export function coarsenRows(
  sections: readonly PaneRows[],
  coarseMsOf: (metric: string, paneMs: number) => number,
): PaneRows[] {
  const coarse = new Map<string, CoarseSection>();
  const others: PaneRows[] = [];
  for (const rows of sections) {
    const { metric, layout } = rows;
    const coarseMs = coarseMsOf(metric, layout.paneMs);
    if (rows.unread !== undefined || coarseMs < layout.paneMs || coarseMs % layout.paneMs !== 0) {
      others.push(rows);
      continue;
    }
    const coarseLayout = paneLayoutOf(coarseMs, [...layout.accumulators, ...layout.sketches]);
    const key = `${coarseLayout.key} ${metric}`;
    const section = coarse.get(key) ?? new CoarseSection(metric, coarseLayout);
    coarse.set(key, section);
    section.add(rows);
  }
  return [...others, ...Array.from(coarse.values(), (section) => section.rows())];
}

/** Coarse panes of one metric and layout, by series. */
class CoarseSection {
  readonly #metric: string;
  readonly #layout: PaneLayout;
  readonly #series = new Map<string, { readonly labels: Labels; readonly panes: Map<number, PaneState> }>();

  constructor(metric: string, layout: PaneLayout) {
    this.#metric = metric;
    this.#layout = layout;
  }

  add(rows: PaneRows): void {
    const { paneMs } = this.#layout;
    const match = matchLayouts(this.#layout, rows.layout);
    const keys = rows.series.map((labels) => seriesKey(this.#metric, labels));
    for (let row = 0; row < rows.rowCount; row++) {
      const at = rows.seriesIndex[row];
      let series = this.#series.get(keys[at]);
      if (series === undefined)
        this.#series.set(keys[at], (series = { labels: rows.series[at], panes: new Map() }));
      const startMs = Math.floor(rows.startMs[row] / paneMs) * paneMs;
      let pane = series.panes.get(startMs);
      if (pane === undefined) series.panes.set(startMs, (pane = emptyPane(this.#layout)));
      mergeRows(this.#layout, pane, rows, [row], match);
    }
  }

  /** By series, and by time in each. */
  rows(): PaneRows {
    const series = [...this.#series.values()];
    const panes = series.flatMap((each, index) =>
      [...each.panes]
        .sort(([a], [b]) => a - b)
        .map(([startMs, { fields, sketches }]) => ({ index, startMs, fields, sketches })),
    );
    const state = new Float64Array(panes.length * this.#layout.stride);
    for (const [row, { fields }] of panes.entries()) state.set(fields, row * this.#layout.stride);
    return {
      metric: this.#metric,
      layout: this.#layout,
      rowCount: panes.length,
      series: series.map(({ labels }) => labels),
      seriesIndex: Uint32Array.from(panes, ({ index }) => index),
      startMs: Float64Array.from(panes, ({ startMs }) => startMs),
      state,
      sketches: this.#layout.sketches.map((_, column) => panes.map(({ sketches }) => sketches[column])),
    };
  }
}
