import type { EventTimeMs } from "../event-time.ts";

/** What has come of a stream of records, or of agents (undefined), is not later than this; null: the stream is not read. */
export type ReachedMs = (stream: string | undefined) => EventTimeMs | null;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** What is stored of a view under `v|{view}`, JSON. */
export interface ViewEntry {
  /** See `PaneView.wholeFromMs`; null: from the first on. */
  readonly wholeFromMs: EventTimeMs | null;
  /** The stream of records that its metric is of. */
  readonly stream?: string | undefined;
  /** See `PaneView.cameToMs`; absent: nobody has noted it. */
  readonly cameToMs?: EventTimeMs;
  /** It was not there at the last start, and what its metric had went by. */
  readonly isGone?: true;
  /** See `PaneView.changedFromMs`; null: nothing has changed, absent: no window over it is away. */
  readonly changedFromMs?: EventTimeMs | null | undefined;
}

export function encodeViewEntry(entry: ViewEntry): Uint8Array {
  return encoder.encode(JSON.stringify(entry));
}

/** One that cannot be read is of a view that was not there. */
export function decodeViewEntry(bytes: Uint8Array): ViewEntry {
  try {
    const entry: ViewEntry = JSON.parse(decoder.decode(bytes));
    const { wholeFromMs, stream, changedFromMs = null, cameToMs = null } = entry;
    const times = [wholeFromMs, changedFromMs, cameToMs];
    const areTimes = times.every((time) => time === null || Number.isFinite(time));
    if (areTimes && (stream === undefined || typeof stream === "string")) return entry;
  } catch {
    // As below.
  }
  return { wholeFromMs: null, isGone: true };
}
