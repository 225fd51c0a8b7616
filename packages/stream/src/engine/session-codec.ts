import type { SessionPart } from "./session-book.ts";

const VERSION = 1;
const HEAD_BYTES = 17;
const PART_BYTES = 17;

/** What sessions are cut by: those of other measures are of no use. */
export interface SessionMeasures {
  readonly gapMs: number;
  readonly lengthMsMax: number;
}

/**
 * Where a group's sessions lie that begin in one page of time (in an older store: in a whole slice):
 *
 *   u8   version (1)
 *   f64  gap, ms
 *   f64  greatest length, ms
 *   of each part, ascending:
 *     f64  time of its first reading, ms
 *     f64  time of its last reading, ms
 *     u8   1: begins a session, whatever lies before it; else 0
 *
 * All little-endian.
 */
export function encodeSessions(
  { gapMs, lengthMsMax }: SessionMeasures,
  parts: readonly SessionPart[],
): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + PART_BYTES * parts.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  view.setFloat64(1, gapMs, true);
  view.setFloat64(9, lengthMsMax, true);
  for (const [index, { firstMs, lastMs, isApart }] of parts.entries()) {
    const at = HEAD_BYTES + PART_BYTES * index;
    view.setFloat64(at, firstMs, true);
    view.setFloat64(at + 8, lastMs, true);
    bytes[at + 16] = isApart ? 1 : 0;
  }
  return bytes;
}

/** Null on bad bytes. */
export function decodeSessions(bytes: Uint8Array): (SessionMeasures & { parts: SessionPart[] }) | null {
  const isWhole = bytes.length >= HEAD_BYTES && (bytes.length - HEAD_BYTES) % PART_BYTES === 0;
  if (bytes[0] !== VERSION || !isWhole) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: SessionPart[] = [];
  for (let at = HEAD_BYTES; at < bytes.length; at += PART_BYTES) {
    const firstMs = view.getFloat64(at, true);
    const lastMs = view.getFloat64(at + 8, true);
    if (!(firstMs > (parts.at(-1)?.lastMs ?? -Infinity) && firstMs <= lastMs)) return null;
    parts.push({ firstMs, lastMs, isApart: bytes[at + 16] === 1 });
  }
  return { gapMs: view.getFloat64(1, true), lengthMsMax: view.getFloat64(9, true), parts };
}
