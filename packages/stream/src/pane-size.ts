import type { WindowSpec } from "./window-spec.ts";

/** Panes shorter than this cost more than they show. */
export const PANE_MS_MIN = 100;

export type PaneSize =
  | { readonly isPossible: true; readonly paneMs: number }
  | { readonly isPossible: false; readonly reason: string };

/** The pane size of a metric: the greatest length that divides every size and slide of its windows. */
export function paneMsOf(windows: readonly Pick<WindowSpec, "name" | "sizeMs" | "slideMs">[]): PaneSize {
  let paneMs = 0;
  for (const { name, sizeMs, slideMs } of windows) {
    if (!isLength(sizeMs) || !isLength(slideMs)) {
      return {
        isPossible: false,
        reason: `window ${name}: size ${sizeMs} ms and slide ${slideMs} ms must be whole positive milliseconds`,
      };
    }
    paneMs = gcd(gcd(paneMs, sizeMs), slideMs);
  }
  if (windows.length === 0) return { isPossible: false, reason: "no window uses this metric" };
  if (paneMs < PANE_MS_MIN) {
    const names = windows.map((window) => window.name).join(", ");
    return {
      isPossible: false,
      reason: `sizes and slides of ${names} have ${paneMs} ms in common, at least ${PANE_MS_MIN} ms are needed; choose multiples of one length`,
    };
  }
  return { isPossible: true, paneMs };
}

function isLength(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms > 0;
}

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
