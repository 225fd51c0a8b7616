import { BATCH_KINDS, type BatchKind } from "@millrace/wire";

/** What the queue remembers of a stored batch; drawn in store-layout.ts. */
export interface BatchSummary {
  readonly kind: BatchKind;
  readonly bytes: number;
  readonly readings: number;
  readonly startMs: number;
  readonly endMs: number;
}

const SUMMARY_BYTES = 29;

export function encodeSummary(summary: BatchSummary): Uint8Array {
  const bytes = new Uint8Array(SUMMARY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, BATCH_KINDS.indexOf(summary.kind));
  view.setUint32(1, summary.bytes);
  view.setBigInt64(5, BigInt(summary.readings));
  view.setBigInt64(13, BigInt(summary.startMs));
  view.setBigInt64(21, BigInt(summary.endMs));
  return bytes;
}

/** Undefined when the bytes are not one: no batch was ever sealed with numbers beyond the safe ones. */
export function decodeSummary(bytes: Uint8Array): BatchSummary | undefined {
  if (bytes.length !== SUMMARY_BYTES || bytes[0] >= BATCH_KINDS.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readings = Number(view.getBigInt64(5));
  const startMs = Number(view.getBigInt64(13));
  const endMs = Number(view.getBigInt64(21));
  const isSound = readings >= 0 && [readings, startMs, endMs].every(Number.isSafeInteger) && startMs <= endMs;
  return isSound
    ? { kind: BATCH_KINDS[bytes[0]], bytes: view.getUint32(1), readings, startMs, endMs }
    : undefined;
}
