import type { RecordSpan, RecordValues } from "./record-batch.ts";

/** Where a record's value lies. False: it has none, and `span` is as it was. Makes no view of it where the source knows. */
export function spanAt(values: RecordValues, at: number, span: RecordSpan): boolean {
  if (values.spanAt !== undefined) return values.spanAt(at, span);
  const bytes = values.at(at) ?? null;
  if (bytes === null) return false;
  span.source = bytes;
  span.start = 0;
  span.end = bytes.length;
  return true;
}
