import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import { isChangedTable, TABLE_COLUMNS } from "../debezium/changed-table.ts";
import type { Column } from "../debezium/change-envelope.ts";
import type { BusinessPlan } from "../plan/business-plan.ts";
import type { TimeFormat } from "../time-text.ts";

/** As PostgreSQL takes it: a number, or the text of a value. */
export type TableValue = string | number | null;

export interface TableChange {
  readonly table: string;
  readonly op: "insert" | "update" | "delete";
  /** In the table's columns' order, the primary key first. */
  readonly values: readonly TableValue[];
}

/** A stream of records as a table: rows that change where the plan has `debezium`, otherwise a row for each record. */
export interface RecordTable {
  readonly table: string;
  /** The first is the primary key. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Its REPLICA IDENTITY is FULL. */
  readonly isWholeLogged: boolean;
  /** Null: the record changes nothing, as a tombstone. */
  change(record: BusinessRecord): TableChange | null;
}

const TYPES: Readonly<Record<Column["type"], string>> = {
  text: "text",
  money: "numeric(12,2)",
  timestamp: "timestamp(6)",
};
const TIMES: Readonly<Record<TimeFormat, string>> = {
  "epoch-ms": "bigint",
  iso: "timestamptz",
  local: "timestamp",
};
/** What is no text, of all plain records; the keys of a stream's JSON, in their order. */
const NUMBERS: Readonly<Record<string, string>> = {
  amount: TYPES.money,
  lon: "double precision",
  lat: "double precision",
  speed: "double precision",
  heading: "double precision",
  odometer: "double precision",
};
const TIME_KEYS: ReadonlySet<string> = new Set(["time", "due"]);
const PLAIN_KEYS: Readonly<Record<RecordStreamName, readonly string[]>> = {
  orders: ["order_id", "time", "amount", "region", "category", "user", "payment", "retry_of"],
  refunds: ["refund_id", "order_id", "time", "amount", "region", "category", "user"],
  transfers: ["transfer_id", "time", "from", "to", "amount"],
  trucks: ["report_id", "truck", "time", "lon", "lat", "speed", "heading", "odometer", "to", "due"],
  "app-opens": ["open_id", "time", "user", "session", "platform"],
};
const OPERATIONS = { c: "insert", r: "insert", u: "update", d: "delete" } as const;

export function recordTable(
  { debezium, timeFormat }: Pick<BusinessPlan, "debezium" | "timeFormat">,
  stream: RecordStreamName,
): RecordTable {
  if (debezium !== null && isChangedTable(stream)) {
    const columns = TABLE_COLUMNS[stream];
    return {
      table: stream,
      columns: columns.map(({ name, type }) => ({ name, type: TYPES[type] })),
      isWholeLogged: debezium.replicaIdentity === "full",
      change: ({ change }) =>
        change === undefined
          ? null
          : {
              table: stream,
              op: OPERATIONS[change.op],
              values: change.row.map((value, at) => valueOf(columns[at], value)),
            },
    };
  }
  const table = stream.replaceAll("-", "_");
  const keys = PLAIN_KEYS[stream];
  return {
    table,
    columns: keys.map((name) => ({
      name,
      type: TIME_KEYS.has(name) ? TIMES[timeFormat] : (NUMBERS[name] ?? TYPES.text),
    })),
    isWholeLogged: false,
    change({ json }) {
      if (json === null) return null;
      const row: Readonly<Record<string, TableValue>> = JSON.parse(json);
      return { table, op: "insert", values: keys.map((key) => row[key] ?? null) };
    },
  };
}

function valueOf({ type }: Column, value: string | number | null): TableValue {
  if (typeof value !== "number") return value;
  return type === "money" ? value / 100 : new Date(value).toISOString().slice(0, -1);
}
