import type { StateRange } from "./engine/state-key.ts";

/** Where the panes of a metric lie in the engine's state, of whatever size and grouping they are. */
export function paneKeyRange(metric: string): StateRange {
  const prefix = `p|${encodeURIComponent(metric)}`;
  // "A" follows "@", behind which size and labels stand.
  return { from: `${prefix}@`, to: `${prefix}A` };
}
