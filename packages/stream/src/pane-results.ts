import { ACCUMULATORS } from "./accumulators/table.ts";
import type { PaneLayout } from "./pane-layout.ts";
import type { PaneState } from "./pane-state.ts";

/** What a pane, or a merge of panes, tells, by the names of its accumulators' and sketches' results. */
export function paneResults(layout: PaneLayout, { fields, sketches }: PaneState): Record<string, number> {
  const results: Record<string, number> = {};
  for (const [index, accumulator] of layout.accumulators.entries()) {
    if (accumulator !== ACCUMULATORS.beside)
      Object.assign(results, accumulator.finish(fields, layout.offsets[index]));
  }
  for (const sketch of sketches) Object.assign(results, sketch?.results());
  return results;
}

/** The names that `paneResults` may give for panes with what is asked for by these names. */
export function resultNames(layout: PaneLayout): readonly string[] {
  return [...layout.accumulators, ...layout.sketches].flatMap((part) =>
    part === ACCUMULATORS.beside ? [] : part.results,
  );
}
