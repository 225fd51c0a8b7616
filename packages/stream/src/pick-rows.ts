import type { PaneRows } from "./pane-rows.ts";

/** Those rows alone, in the same order; `at` ascending. What is unread goes along with all of them only. */
export function pickRows(rows: PaneRows, at: readonly number[]): PaneRows {
  if (at.length === rows.rowCount) return rows;
  const { unread: _, ...known } = rows;
  const { stride } = rows.layout;
  const state = new Float64Array(at.length * stride);
  for (const [to, from] of at.entries())
    state.set(rows.state.subarray(from * stride, (from + 1) * stride), to * stride);
  return {
    ...known,
    rowCount: at.length,
    seriesIndex: Uint32Array.from(at, (row) => rows.seriesIndex[row]),
    startMs: Float64Array.from(at, (row) => rows.startMs[row]),
    state,
    sketches: rows.sketches.map((column) => at.map((row) => column[row])),
  };
}
