import type { RecordBatch, RecordValues } from "./record-batch.ts";

/** What a record takes beside its bytes. */
const RECORD_BYTES = 64;

/** Of batches that still wait: who brings one asks, whoever has it wait asks again, and each value may be a view that is made for it. */
const known = new WeakMap<RecordBatch, number>();

/** What the records of a batch take while they wait. */
export function batchBytes(batch: RecordBatch): number {
  const before = known.get(batch);
  if (before !== undefined) return before;
  const { values } = batch;
  let bytes = 0;
  for (let at = 0; at < values.length; at += 1) bytes += recordBytes(values, at);
  known.set(batch, bytes);
  return bytes;
}

/** What one of them takes. */
export function recordBytes(values: RecordValues, at: number): number {
  return (values.byteLengthAt?.(at) ?? values.at(at)?.length ?? 0) + RECORD_BYTES;
}
