import type { RecordStreamName } from "../business-record.ts";

/** Streams that are tables, and come as change events where a plan has `debezium`. */
export const CHANGED_TABLES = ["orders", "transfers"] as const;
export type ChangedTable = (typeof CHANGED_TABLES)[number];

export function isChangedTable(stream: RecordStreamName): stream is ChangedTable {
  return CHANGED_TABLES.some((table) => table === stream);
}
