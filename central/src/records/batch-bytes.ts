import type { RecordBatch } from "./record-batch.ts";

/** What a record takes beside its bytes. */
const RECORD_BYTES = 64;

/** What the records of a batch take while they wait. */
export function batchBytes({ values }: RecordBatch): number {
  let bytes = 0;
  for (let at = 0; at < values.length; at += 1) bytes += (values.at(at)?.length ?? 0) + RECORD_BYTES;
  return bytes;
}
