import type { PaneLayout } from "./pane-layout.ts";
import type { PaneRows } from "./pane-rows.ts";

/** Readings behind one row: those added, and those counted uncertain or bad beside them. For the ledger. */
export function readingCountOfRow(layout: PaneLayout, state: Float64Array, at: number): number {
  const beside = at + layout.stride - 3;
  return state[at] + state[beside] + state[beside + 1];
}

/** Readings behind all rows. */
export function readingCount(rows: PaneRows): number {
  let total = 0;
  for (let row = 0; row < rows.rowCount; row++) {
    total += readingCountOfRow(rows.layout, rows.state, row * rows.layout.stride);
  }
  return total;
}
