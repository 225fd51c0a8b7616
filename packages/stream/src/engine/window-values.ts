import type { PaneLayout } from "../pane-layout.ts";
import { paneResults } from "../pane-results.ts";
import type { PaneState } from "../pane-state.ts";
import type { WindowResult } from "../window-result.ts";

/** What of a result follows from its panes. */
export type WindowValues = Pick<WindowResult, "values" | "beside" | "top" | "mergedIntoMs">;

/** What the merge of a window's panes tells. */
export function windowValues(layout: PaneLayout, merged: PaneState): WindowValues {
  const { fields, sketches } = merged;
  const at = layout.offsets.at(-1)!;
  const beside = { uncertain: fields[at], bad: fields[at + 1], undeduplicated: fields[at + 2] };
  const top = sketches.flatMap((sketch) => sketch?.ranking?.() ?? []);
  return { values: paneResults(layout, merged), beside, ...(top.length > 0 ? { top } : {}) };
}
