import type { Column } from "./change-envelope.ts";

/** Streams that are tables, and come as change events where a plan has `debezium`. */
export const CHANGED_TABLES = ["orders", "transfers"] as const;
export type ChangedTable = (typeof CHANGED_TABLES)[number];

/** The first is the primary key. */
export const TABLE_COLUMNS: Readonly<Record<ChangedTable, readonly Column[]>> = {
  orders: [
    { name: "order_id", type: "text" },
    { name: "user_id", type: "text" },
    { name: "region", type: "text" },
    { name: "category", type: "text" },
    { name: "amount", type: "money" },
    { name: "status", type: "text" },
    { name: "retry_of", type: "text" },
    { name: "created_at", type: "timestamp" },
    { name: "updated_at", type: "timestamp" },
  ],
  transfers: [
    { name: "transfer_id", type: "text" },
    { name: "from_account", type: "text" },
    { name: "to_account", type: "text" },
    { name: "amount", type: "money" },
    { name: "created_at", type: "timestamp" },
  ],
};

export function isChangedTable(stream: string): stream is ChangedTable {
  return CHANGED_TABLES.some((table) => table === stream);
}
