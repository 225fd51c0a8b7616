import type { RecordMetric } from "../central-client.ts";

/** What one metric reads of a record; null value: nothing, and that is allowed. */
export interface RecordValue {
  readonly metric: string;
  readonly value: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a stream's metrics read of one record's JSON; null: one of them cannot, and the record must be refused. */
export function readRecord(json: string, metrics: readonly RecordMetric[]): readonly RecordValue[] | null {
  const record: unknown = JSON.parse(json);
  const values: RecordValue[] = [];
  for (const { metric, path, map, isOptional, labels: definitions } of metrics) {
    const labels: Record<string, string> = {};
    for (const { name, path: at } of definitions) {
      const text = scalarText(valueAt(record, at));
      if (text === null) return null;
      labels[name] = text;
    }
    const found = valueAt(record, path);
    if (found === undefined || found === null) {
      if (!isOptional) return null;
      values.push({ metric, value: null, labels });
      continue;
    }
    const value = map === null ? found : map[scalarText(found) ?? ""];
    if (typeof value !== "number" && !(map !== null && value === null)) return null;
    values.push({ metric, value, labels });
  }
  return values;
}

/** The text that stands there; null: none that could be a label's. */
export function textAt(record: unknown, path: RecordMetric["path"]): string | null {
  return scalarText(valueAt(record, path));
}

function valueAt(value: unknown, path: RecordMetric["path"]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Object.hasOwn(found, step) ? Reflect.get(found, step) : undefined;
  }
  return found;
}

function scalarText(value: unknown): string | null {
  if (typeof value === "string") return value === "" ? null : value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}
