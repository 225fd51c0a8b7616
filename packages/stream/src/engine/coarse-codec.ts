import type { CoarsePanes } from "../coarse-panes.ts";
import type { EventTimeMs } from "../event-time.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * By which pane lengths the panes of one view have gone into panes that these are no part of, the earliest first: those that
 * begin before a time may hold readings of so long a stretch.
 */
export type CoarseMoves = readonly (readonly [paneMs: EventTimeMs, endMs: EventTimeMs])[];

/** Stored under `c|{view}`, JSON: `[[60000,1700000000000]]`. None where it cannot be read. */
export function decodeCoarse(bytes: Uint8Array): CoarseMoves {
  try {
    const pairs: unknown = JSON.parse(decoder.decode(bytes));
    if (!Array.isArray(pairs)) return [];
    return pairs.filter((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isFinite));
  } catch {
    return [];
  }
}

export function encodeCoarse(moves: CoarseMoves): Uint8Array {
  return encoder.encode(JSON.stringify(moves));
}

/** One that goes on, or is as the last one was, only reaches further. */
export function addCoarseMove(moves: CoarseMoves, paneMs: EventTimeMs, endMs: EventTimeMs): CoarseMoves {
  const last = moves.at(-1);
  if (last?.[0] !== paneMs) return [...moves, [paneMs, endMs]];
  return [...moves.slice(0, -1), [paneMs, Math.max(last[1], endMs)]];
}

/** No pane of this length that begins while those were longer, and has gone where they went, has a reading of this or later. */
export function heldToMs(moves: CoarseMoves, paneMs: EventTimeMs): EventTimeMs {
  return Math.max(...moves.map(([, endMs]) => Math.ceil(endMs / paneMs) * paneMs));
}

/** What of the view's panes is coarse: whatever is before, since of what was dropped nothing is known. */
export function coarsePanesOf(metric: string, moves: CoarseMoves): CoarsePanes[] {
  return moves.map(([paneMs, endMs]) => ({ metric, paneMs, startMs: -Infinity, endMs }));
}
