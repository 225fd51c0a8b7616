import { DAY_GRID_MS } from "./day-grid.ts";
import type { WindowSpec } from "./window-spec.ts";

/** Panes shorter than this cost more than they show. */
export const PANE_MS_MIN = 100;

const DAY_MS = 86_400_000;

export type PaneSize =
  | { readonly isPossible: true; readonly paneMs: number }
  | { readonly isPossible: false; readonly reason: string };

/** The pane size of a metric: the greatest length that divides every boundary of its windows, and no gap is shorter than. */
export function paneMsOf(windows: readonly WindowSpec[]): PaneSize {
  if (windows.length === 0) return { isPossible: false, reason: "no window uses this metric" };
  const paneMs = windows.reduce((common, window) => gcd(common, windowStepMs(window)), 0);
  if (paneMs >= PANE_MS_MIN) return { isPossible: true, paneMs };
  const names = windows.map((window) => window.name).join(", ");
  return {
    isPossible: false,
    reason: `sizes, slides, offsets and gaps of ${names} have ${paneMs} ms in common, at least ${PANE_MS_MIN} ms are needed; choose multiples of one length`,
  };
}

/** The part of a window's panes that a long one stands for is this at least, and two: keeping it is worth no less. */
const LONG_SHARE_MIN = 1 / 30;

/**
 * The length of panes that are kept beside short ones for windows of so many of those that each of them is too much to take up: the
 * greatest that divides the boundaries of as many of these windows as it may; null where there are none, or it would not be much longer.
 */
export function longPaneMs(
  windows: readonly WindowSpec[],
  paneMs: number,
  windowPanesMin: number,
): number | null {
  const stepsMs = windows
    .filter((window) => lengthMsOf(window) >= windowPanesMin * paneMs)
    .map(windowStepMs)
    .sort((a, b) => b - a);
  const leastMs = paneMs * Math.max(2, windowPanesMin * LONG_SHARE_MIN);
  let longMs = 0;
  for (const stepMs of stepsMs) {
    const commonMs = gcd(longMs, stepMs);
    if (commonMs >= leastMs) longMs = commonMs;
  }
  return longMs === 0 ? null : longMs;
}

/** Sessions look at short panes, however long they are. */
function lengthMsOf(window: WindowSpec): number {
  if (window.kind === "session") return 0;
  return window.kind === "aligned" ? window.sizeMs : DAY_MS;
}

/** The greatest length that divides all of a window's boundaries. */
export function windowStepMs(window: WindowSpec): number {
  switch (window.kind) {
    case "aligned":
      return gcd(gcd(window.sizeMs, window.slideMs), window.offsetMs);
    case "day":
      return DAY_GRID_MS;
    case "session":
      return gcd(window.gapMs, window.lengthMsMax);
  }
}

/** gcd(0, n) is n. */
export function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
