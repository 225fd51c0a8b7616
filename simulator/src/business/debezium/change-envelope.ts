import type { DebeziumPlan } from "../plan/business-plan.ts";

/** As a column of the captured table. All but the primary key may be null. */
export interface Column {
  readonly name: string;
  /** PostgreSQL's: `text`; `numeric(12,2)`; `timestamp(6)` without a zone, in UTC. */
  readonly type: "text" | "money" | "timestamp";
}

/** In the columns' order: texts, whole cents, ms since the epoch. */
export type Row = readonly (string | number | null)[];

export interface Change {
  /** `r`: found by the first snapshot. */
  readonly op: "c" | "u" | "d" | "r";
  readonly before: Row | null;
  readonly after: Row | null;
  /** When it was committed. */
  readonly timeMs: number;
  /** When the connector has seen it. */
  readonly seenMs: number;
  readonly txId: number;
  readonly lsn: number;
  readonly lastCommitLsn: number;
  readonly snapshot: "false" | "true" | "first" | "last";
}

export interface ChangeEnvelopeOptions {
  readonly plan: DebeziumPlan;
  readonly table: string;
  /** The first is the primary key. */
  readonly columns: readonly Column[];
}

const SCALE = 2;
const PRECISION = 12;

/**
 * Change events of one table as Debezium's PostgreSQL connector 3.0 and Kafka Connect's JSON converter write them
 * (documentation/modules/ROOT/pages/connectors/postgresql.adoc in debezium/debezium: "Data change events", "Data type
 * mappings"): timestamps as microseconds, numerics by `decimal.handling.mode`, the schema beside the payload if asked.
 */
export class ChangeEnvelope {
  readonly #options: ChangeEnvelopeOptions;
  readonly #keySchema: string;
  readonly #valueSchema: string;

  constructor(options: ChangeEnvelopeOptions) {
    this.#options = options;
    const { plan, table, columns } = options;
    const fields = columns.map((column, index) => fieldSchema(column, index > 0, plan));
    const name = `${plan.name}.public.${table}`;
    this.#keySchema = JSON.stringify({
      type: "struct",
      fields: [fields[0]],
      optional: false,
      name: `${name}.Key`,
    });
    const row = (field: string) => ({ type: "struct", fields, optional: true, name: `${name}.Value`, field });
    this.#valueSchema = JSON.stringify({
      type: "struct",
      fields: [row("before"), row("after"), SOURCE_SCHEMA, TRANSACTION_SCHEMA, ...TAIL_SCHEMA],
      optional: false,
      name: `${name}.Envelope`,
      version: 2,
    });
  }

  keyOf(row: Row): string {
    const { plan, columns } = this.#options;
    return this.#whole(this.#keySchema, `{${fieldText(columns[0], row[0], plan)}}`);
  }

  valueOf(change: Change): string {
    const { op, before, after, seenMs } = change;
    const payload = `{"before":${this.#before(op, before)},"after":${this.#row(after)},"source":${this.#source(change)},"transaction":null,"op":"${op}",${clock(seenMs)}}`;
    return this.#whole(this.#valueSchema, payload);
  }

  #whole(schema: string, payload: string): string {
    return this.#options.plan.hasSchemas ? `{"schema":${schema},"payload":${payload}}` : payload;
  }

  /** By the table's REPLICA IDENTITY: of an update without the whole row nothing, of a deletion the key alone. */
  #before(op: Change["op"], before: Row | null): string {
    if (before === null || this.#options.plan.replicaIdentity === "full") return this.#row(before);
    return op === "d" ? this.#row(before.map((value, index) => (index === 0 ? value : null))) : "null";
  }

  #row(row: Row | null): string {
    if (row === null) return "null";
    const { plan, columns } = this.#options;
    return `{${columns.map((column, index) => fieldText(column, row[index], plan)).join(",")}}`;
  }

  #source({ timeMs, txId, lsn, lastCommitLsn, snapshot }: Change): string {
    const { plan, table } = this.#options;
    const { name, database } = plan;
    const sequence = JSON.stringify(JSON.stringify([`${lastCommitLsn}`, `${lsn}`]));
    return `{"version":"3.0.0.Final","connector":"postgresql","name":${JSON.stringify(name)},"ts_ms":${timeMs},"snapshot":"${snapshot}","db":${JSON.stringify(database)},"sequence":${sequence},"ts_us":${timeMs}000,"ts_ns":${timeMs}000000,"schema":"public","table":"${table}","txId":${txId},"lsn":${lsn},"xmin":null}`;
  }
}

function fieldText({ name, type }: Column, value: string | number | null, plan: DebeziumPlan): string {
  const text =
    value === null
      ? "null"
      : type === "timestamp"
        ? `${value}000`
        : type === "money" && typeof value === "number"
          ? moneyText(value, plan)
          : JSON.stringify(value);
  return `"${name}":${text}`;
}

function moneyText(cents: number, { decimals }: DebeziumPlan): string {
  switch (decimals) {
    case "double":
      return `${cents / 100}`;
    case "string":
      return `"${Math.floor(cents / 100)}.${String(cents % 100).padStart(SCALE, "0")}"`;
    case "precise":
      return `"${unscaledBytes(cents).toString("base64")}"`;
  }
}

/** `org.apache.kafka.connect.data.Decimal`: the unscaled value as the shortest big-endian two's complement. */
function unscaledBytes(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256))
    bytes.unshift(rest % 256);
  if (bytes[0] >= 0x80) bytes.unshift(0);
  return Buffer.from(bytes);
}

/** When the connector has seen it; JSON has no more than its ms. */
function clock(timeMs: number): string {
  return `"ts_ms":${timeMs},"ts_us":${timeMs}000,"ts_ns":${timeMs}000000`;
}

function fieldSchema({ name, type }: Column, isOptional: boolean, { decimals }: DebeziumPlan): object {
  const field = { optional: isOptional, field: name };
  switch (type) {
    case "text":
      return { type: "string", ...field };
    case "timestamp":
      return { type: "int64", name: "io.debezium.time.MicroTimestamp", version: 1, ...field };
    case "money":
      if (decimals === "double") return { type: "double", ...field };
      if (decimals === "string") return { type: "string", ...field };
      return {
        type: "bytes",
        name: "org.apache.kafka.connect.data.Decimal",
        version: 1,
        parameters: { scale: `${SCALE}`, "connect.decimal.precision": `${PRECISION}` },
        ...field,
      };
  }
}

const required = (type: string, field: string) => ({ type, optional: false, field });
const optional = (type: string, field: string) => ({ type, optional: true, field });
const SOURCE_SCHEMA = {
  type: "struct",
  fields: [
    required("string", "version"),
    required("string", "connector"),
    required("string", "name"),
    required("int64", "ts_ms"),
    {
      type: "string",
      optional: true,
      name: "io.debezium.data.Enum",
      version: 1,
      parameters: {
        allowed: "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental",
      },
      default: "false",
      field: "snapshot",
    },
    required("string", "db"),
    optional("string", "sequence"),
    optional("int64", "ts_us"),
    optional("int64", "ts_ns"),
    required("string", "schema"),
    required("string", "table"),
    optional("int64", "txId"),
    optional("int64", "lsn"),
    optional("int64", "xmin"),
  ],
  optional: false,
  name: "io.debezium.connector.postgresql.Source",
  version: 1,
  field: "source",
};
const TRANSACTION_SCHEMA = {
  type: "struct",
  fields: [
    required("string", "id"),
    required("int64", "total_order"),
    required("int64", "data_collection_order"),
  ],
  optional: true,
  name: "event.block",
  version: 1,
  field: "transaction",
};
const TAIL_SCHEMA = [
  required("string", "op"),
  optional("int64", "ts_ms"),
  optional("int64", "ts_us"),
  optional("int64", "ts_ns"),
];
