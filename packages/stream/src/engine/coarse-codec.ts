import type { CoarsePanes } from "../coarse-panes.ts";
import type { EventTimeMs } from "../event-time.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Of one metric, by a pane length that its panes had before: those that begin before this may hold readings of so long a stretch. */
export type CoarseTo = ReadonlyMap<number, EventTimeMs>;

/** Stored under `c|{metric}`, JSON: `[[60000,1700000000000]]`, pane length and time. None where it cannot be read. */
export function decodeCoarse(bytes: Uint8Array): CoarseTo {
  try {
    const pairs: unknown = JSON.parse(decoder.decode(bytes));
    if (!Array.isArray(pairs)) return new Map();
    return new Map(
      pairs.filter((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isFinite)),
    );
  } catch {
    return new Map();
  }
}

export function encodeCoarse(coarse: CoarseTo): Uint8Array {
  return encoder.encode(JSON.stringify([...coarse]));
}

/** What of the metric's panes is coarse: whatever is before, since of what was dropped nothing is known. */
export function coarsePanesOf(metric: string, coarse: CoarseTo): CoarsePanes[] {
  return Array.from(coarse, ([paneMs, endMs]) => ({ metric, paneMs, startMs: -Infinity, endMs }));
}
