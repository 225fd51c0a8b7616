import type { RecordMetric } from "../central-client.ts";
import type { WindowedValue } from "../window-oracle.ts";
import { isInZone, type Place } from "./geography.ts";
import { timeInRecord } from "./time-in-record.ts";

/** What one metric reads of a record; null value: nothing, and that is allowed. */
export interface RecordValue {
  readonly metric: string;
  readonly value: WindowedValue["value"] | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a stream's metrics read of one record's JSON; null: one of them cannot, and the record must be refused. */
export function readRecord(
  { json, timeMs }: { readonly json: string; readonly timeMs: number },
  metrics: readonly RecordMetric[],
): readonly RecordValue[] | null {
  const record: unknown = JSON.parse(json);
  const values: RecordValue[] = [];
  for (const definition of metrics) {
    const { metric, isOptional } = definition;
    const labels: Record<string, string> = {};
    for (const label of definition.labels) {
      const text = "zone" in label ? zoneOf(record, label.zone) : scalarText(valueAt(record, label.path));
      if (text === null) return null;
      labels[label.name] = text;
    }
    const found = valueAt(record, definition.path);
    if (found === undefined || found === null) {
      if (!isOptional) return null;
      values.push({ metric, value: null, labels });
      continue;
    }
    const value = meaningOf(definition, { record, found, timeMs });
    if (value === undefined) return null;
    values.push({ metric, value, labels });
  }
  return values;
}

/** Null: it counts nowhere; undefined: it cannot be read. */
function meaningOf(
  { map, value }: RecordMetric,
  { record, found, timeMs }: { readonly record: unknown; readonly found: unknown; readonly timeMs: number },
): WindowedValue["value"] | null | undefined {
  switch (value?.kind) {
    case "identity": {
      const text = scalarText(found);
      return text === null ? undefined : `${typeof found} ${text}`;
    }
    case "since": {
      const sinceMs = timeInRecord(found, value);
      return sinceMs === undefined ? undefined : (timeMs - sinceMs) / 1_000;
    }
    case "position":
      return placeOf(found, valueAt(record, value.latitude)) ?? undefined;
    case undefined: {
      const number = map === null ? found : map[scalarText(found) ?? ""];
      return typeof number === "number" || (map !== null && number === null) ? number : undefined;
    }
  }
}

/** Of the first zone that the record's position is in; null: it has none. */
function zoneOf(
  record: unknown,
  { longitude, latitude, zones }: Extract<RecordMetric["labels"][number], { readonly zone: unknown }>["zone"],
): string | null {
  const place = placeOf(valueAt(record, longitude), valueAt(record, latitude));
  if (place === null) return null;
  return zones.find(({ shape }) => isInZone(shape, place))?.name ?? "outside";
}

function placeOf(longitude: unknown, latitude: unknown): Place | null {
  return typeof longitude === "number" && typeof latitude === "number" ? { longitude, latitude } : null;
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
