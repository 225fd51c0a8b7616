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

/** Undefined when the bytes are not one. */
export function decodeSummary(bytes: Uint8Array): BatchSummary | undefined {
  if (bytes.length !== SUMMARY_BYTES || bytes[0] >= BATCH_KINDS.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    kind: BATCH_KINDS[bytes[0]],
    bytes: view.getUint32(1),
    readings: Number(view.getBigInt64(5)),
    startMs: Number(view.getBigInt64(13)),
    endMs: Number(view.getBigInt64(21)),
  };
}
