const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What the store keeps of a window that is not complete, or has changed since its last result. */
export interface OpenMarker {
  /** Central's clock when the window opened, or last changed while complete. */
  readonly openedAtMs: number;
  /** Central's clock when the first agent was seen to have passed the window. */
  readonly firstPassedAtMs: number | null;
  /** Nothing new since its last result, and its panes are not in memory: it only waits for agents. */
  readonly isAside: boolean;
}

/** JSON: `[openedAtMs, firstPassedAtMs | null, 0 | 1]`. */
export function encodeMarker(marker: OpenMarker): Uint8Array {
  return encoder.encode(JSON.stringify([marker.openedAtMs, marker.firstPassedAtMs, marker.isAside ? 1 : 0]));
}

/** Null on bad bytes. */
export function decodeMarker(bytes: Uint8Array): OpenMarker | null {
  const match = /^\[(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?|null),([01])\]$/.exec(decoder.decode(bytes));
  if (match === null) return null;
  return {
    openedAtMs: Number(match[1]),
    firstPassedAtMs: match[2] === "null" ? null : Number(match[2]),
    isAside: match[3] === "1",
  };
}
