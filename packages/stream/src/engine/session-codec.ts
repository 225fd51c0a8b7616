import type { SessionPart } from "./session-book.ts";

const VERSION = 2;
const HEAD_BYTES = 17;
const PART_BYTES = 17;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What sessions are cut by, and of what: those of other measures, or of another metric or other labels, are of no use. */
export interface SessionMeasures {
  readonly gapMs: number;
  readonly lengthMsMax: number;
  /** Metric and labels; null where version 1 stored them, which does not say. */
  readonly of: string | null;
}

/**
 * Where a group's sessions lie that begin in one page of time (in an older store: in a whole slice):
 *
 *   u8   version (2)
 *   f64  gap, ms
 *   f64  greatest length, ms
 *   u16  bytes of the text that follows (from version 2 on)
 *        metric and labels, UTF-8
 *   of each part, ascending:
 *     f64  time of its first reading, ms
 *     f64  time of its last reading, ms
 *     u8   1: begins a session, whatever lies before it; else 0
 *
 * All little-endian.
 */
export function encodeSessions(
  { gapMs, lengthMsMax, of }: SessionMeasures,
  parts: readonly SessionPart[],
): Uint8Array {
  const text = encoder.encode(of ?? "");
  const textAt = HEAD_BYTES + 2;
  const partsAt = textAt + text.length;
  const bytes = new Uint8Array(partsAt + PART_BYTES * parts.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  view.setFloat64(1, gapMs, true);
  view.setFloat64(9, lengthMsMax, true);
  view.setUint16(HEAD_BYTES, text.length, true);
  bytes.set(text, textAt);
  for (const [index, { firstMs, lastMs, isApart }] of parts.entries()) {
    const at = partsAt + PART_BYTES * index;
    view.setFloat64(at, firstMs, true);
    view.setFloat64(at + 8, lastMs, true);
    bytes[at + 16] = isApart ? 1 : 0;
  }
  return bytes;
}

/** Null on bad bytes. */
export function decodeSessions(bytes: Uint8Array): (SessionMeasures & { parts: SessionPart[] }) | null {
  const version = bytes[0];
  if (version !== 1 && version !== VERSION) return null;
  if (bytes.length < HEAD_BYTES + (version === 1 ? 0 : 2)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textAt = version === 1 ? HEAD_BYTES : HEAD_BYTES + 2;
  const partsAt = textAt + (version === 1 ? 0 : view.getUint16(HEAD_BYTES, true));
  if (partsAt > bytes.length || (bytes.length - partsAt) % PART_BYTES !== 0) return null;
  const parts: SessionPart[] = [];
  for (let at = partsAt; at < bytes.length; at += PART_BYTES) {
    const firstMs = view.getFloat64(at, true);
    const lastMs = view.getFloat64(at + 8, true);
    if (!(firstMs > (parts.at(-1)?.lastMs ?? -Infinity) && firstMs <= lastMs)) return null;
    parts.push({ firstMs, lastMs, isApart: bytes[at + 16] === 1 });
  }
  return {
    gapMs: view.getFloat64(1, true),
    lengthMsMax: view.getFloat64(9, true),
    of: partsAt === textAt ? null : decoder.decode(bytes.subarray(textAt, partsAt)),
    parts,
  };
}
