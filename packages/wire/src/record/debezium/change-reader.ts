import type { JsonPath } from "../../json-path.ts";
import type { TimeUnit } from "../../source-time.ts";
import { isObject, parseJsonObject } from "../parse-json-object.ts";
import type { RecordRefusal } from "../record-refusal.ts";
import type { RecordMeasure, RecordSpec } from "../record-spec.ts";
import { decimalText } from "./decimal-text.ts";
import type { Row, RowChange } from "./row-change.ts";
import { isOfSnapshot, sourcePosition } from "./source-position.ts";

/** What events without a schema do not say of their columns. */
export interface ColumnTypes {
  /** Digits behind the point, of columns that come as a decimal's bytes. */
  readonly decimals: ReadonlyMap<string, number>;
  /** Columns of days since 1970. */
  readonly dates: ReadonlySet<string>;
}

/** A column as an event's schema has it. */
interface ColumnSchema {
  readonly name: unknown;
  readonly parameters: unknown;
}

const DECIMAL = "org.apache.kafka.connect.data.Decimal";
const DAYS = new Set(["io.debezium.time.Date", "org.apache.kafka.connect.data.Date"]);
const TIME_UNITS: ReadonlyMap<unknown, TimeUnit> = new Map([
  ["io.debezium.time.Timestamp", "ms"],
  ["org.apache.kafka.connect.data.Timestamp", "ms"],
  ["io.debezium.time.MicroTimestamp", "us"],
  ["io.debezium.time.NanoTimestamp", "ns"],
  ["io.debezium.time.ZonedTimestamp", "iso"],
  ["io.debezium.time.IsoTimestamp", "iso"],
  ["io.debezium.time.IsoDate", "iso"],
]);
/** What stands in place of a great value that an update has left as it was. */
const UNAVAILABLE = "__debezium_unavailable_value";
const DAY_S = 86_400;
const NONE: readonly string[] = [];

/**
 * Reads Debezium's change events in JSON, with or without Kafka Connect's schema beside the payload (debezium/debezium,
 * documentation/modules/ROOT/pages/connectors/postgresql.adoc, "Data change events" and "Data type mappings"). Of the row
 * it makes what a plain record would say: decimals as text, days as seconds.
 */
export class ChangeReader {
  readonly #types: ColumnTypes;
  /** Columns that somebody reads. */
  readonly #columns: readonly string[];
  readonly #timeColumn: string;

  constructor({ id, time, measures }: RecordSpec, types: ColumnTypes) {
    this.#types = types;
    const paths = [id, time.path, ...measures.flatMap(pathsOf)];
    this.#columns = [...new Set(paths.map((path) => String(path[0] ?? "")))];
    this.#timeColumn = String(time.path[0] ?? "");
  }

  read(bytes: Uint8Array): RowChange | RecordRefusal {
    const read = this.#read(parseJsonObject(bytes, { mayRound: true }));
    // Each event has nanoseconds that a double does not hold, and nobody reads; ids of 64 bits are few.
    const isRounded = "row" in read && Object.values(read.row).some(isGreat);
    return isRounded ? this.#read(parseJsonObject(bytes)) : read;
  }

  #read(root: Row | string): RowChange | RecordRefusal {
    if (typeof root === "string") return malformed(root);
    const isWrapped = "payload" in root && (isObject(root.schema) || root.schema === null);
    const event = isWrapped ? root.payload : root;
    if (!isObject(event) || typeof event.op !== "string") return malformed("no change event: it has no op");
    const position = sourcePosition(event.source);
    const madeMs = madeAt(event.source);
    const schema = isWrapped ? root.schema : null;
    switch (event.op) {
      case "c":
      case "r":
      case "u": {
        if (!isObject(event.after)) return malformed(`a change of kind ${event.op} without after`);
        const columns = columnsOf(schema, "after");
        return {
          kind: "row",
          position,
          madeMs,
          row: this.#row(event.after, columns),
          unchanged: this.#unchanged(event.after),
          timeUnit: this.#timeUnit(columns),
        };
      }
      case "d": {
        if (!isObject(event.before)) return malformed("a deletion without before: nobody knows of which row");
        return {
          kind: "deletion",
          position,
          madeMs,
          row: this.#row(event.before, columnsOf(schema, "before")),
        };
      }
      case "t":
        return position === null
          ? malformed("a truncation whose source has no position")
          : { kind: "truncation", position, madeMs };
      case "m":
        return { kind: "other" };
      default:
        return malformed(`${JSON.stringify(event.op.slice(0, 20))} is no kind of change`);
    }
  }

  #row(row: Row, columns: ReadonlyMap<string, ColumnSchema>): Row {
    const { decimals, dates } = this.#types;
    const read: Record<string, unknown> = {};
    for (const column of this.#columns) {
      if (!Object.hasOwn(row, column)) continue;
      const schema = columns.get(column);
      let value = row[column];
      if (value === UNAVAILABLE) value = null;
      const scale = schema === undefined ? decimals.get(column) : scaleOf(schema);
      if (typeof value === "string" && scale !== undefined) value = decimalText(value, scale) ?? value;
      else if (isObject(value)) value = variableDecimal(value) ?? value;
      const isDate = schema === undefined ? dates.has(column) : DAYS.has(String(schema.name));
      if (isDate && column === this.#timeColumn && typeof value === "number") value *= DAY_S;
      read[column] = value;
    }
    return read;
  }

  #unchanged(row: Row): readonly string[] {
    const unchanged = this.#columns.filter((column) => row[column] === UNAVAILABLE);
    return unchanged.length === 0 ? NONE : unchanged;
  }

  #timeUnit(columns: ReadonlyMap<string, ColumnSchema>): TimeUnit | null {
    const schema = columns.get(this.#timeColumn);
    if (schema === undefined) return this.#types.dates.has(this.#timeColumn) ? "s" : null;
    return DAYS.has(String(schema.name)) ? "s" : (TIME_UNITS.get(schema.name) ?? null);
  }
}

/** When the database made a change; null: a snapshot has read it, or nobody says. */
function madeAt(source: unknown): number | null {
  if (!isObject(source) || isOfSnapshot(source.snapshot)) return null;
  const { ts_ms: timeMs } = source;
  return typeof timeMs === "number" && Number.isFinite(timeMs) ? timeMs : null;
}

function isGreat(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** By name, the columns of `before` or `after`; none where there is no schema, or one of another kind. */
function columnsOf(schema: unknown, side: "before" | "after"): ReadonlyMap<string, ColumnSchema> {
  const columns = new Map<string, ColumnSchema>();
  for (const { field, fields } of fieldsOf(schema)) {
    if (field !== side) continue;
    for (const column of fieldsOf({ fields }))
      if (typeof column.field === "string")
        columns.set(column.field, { name: column.name, parameters: column.parameters });
  }
  return columns;
}

function fieldsOf(struct: unknown): readonly Row[] {
  return isObject(struct) && Array.isArray(struct.fields) ? struct.fields.filter(isObject) : [];
}

function scaleOf({ name, parameters }: ColumnSchema): number | undefined {
  if (name !== DECIMAL || !isObject(parameters)) return undefined;
  return Number(parameters.scale);
}

/** `io.debezium.data.VariableScaleDecimal`: of a numeric column without a scale of its own. */
function variableDecimal({ scale, value }: Row): string | undefined {
  return typeof scale === "number" && typeof value === "string" ? decimalText(value, scale) : undefined;
}

function malformed(detail: string): RecordRefusal {
  return { reason: "malformed", detail };
}

/** Where a measure and its labels stand. */
function pathsOf({ path, value, labels }: RecordMeasure): JsonPath[] {
  const ofLabels = labels.flatMap((label) =>
    "path" in label ? [label.path] : [label.zone.longitude, label.zone.latitude],
  );
  return [path, ...(value?.kind === "position" ? [value.latitude] : []), ...ofLabels];
}
