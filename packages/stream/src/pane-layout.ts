import type { AccumulatorName } from "./accumulator.ts";
import { ACCUMULATORS } from "./accumulators/table.ts";

/** Which accumulators a pane of a metric holds, and where each begins in a row of float64 fields. */
export interface PaneLayout {
  readonly paneMs: number;
  /** In order of their numbers; always begins with `count` (the ledger needs it) and ends with `beside`. */
  readonly accumulators: readonly AccumulatorName[];
  /** Offset of each accumulator in a row, in float64 fields, same order as `accumulators`. */
  readonly offsets: readonly number[];
  /** Fields in a row. */
  readonly stride: number;
}

/** The layout of panes of `paneMs` with the accumulators asked for, once each, plus `count` and `beside`. */
export function paneLayout(paneMs: number, accumulate: readonly AccumulatorName[]): PaneLayout {
  const wanted = new Set<AccumulatorName>(["count", ...accumulate, "beside"]);
  const accumulators = [...wanted].sort((a, b) => ACCUMULATORS[a].id - ACCUMULATORS[b].id);
  const offsets: number[] = [];
  let stride = 0;
  for (const name of accumulators) {
    offsets.push(stride);
    stride += ACCUMULATORS[name].width;
  }
  return { paneMs, accumulators, offsets, stride };
}
