import { Payload, type InfluxSpec } from "@millrace/wire";
import { fieldNames } from "./field-names.ts";
import type { ReadableValue } from "./payload-shape.ts";

const LABELS_MAX = 8;

/** Numbers of InfluxDB line protocol: by measurement and field, with the tags that all its lines have. */
export function influxValues(samples: readonly Uint8Array[], nowMs: number): readonly ReadableValue[] {
  const payloads = samples.map((sample) => new Payload(sample, nowMs));
  const lines = payloads.flatMap((payload) => payload.influxLines());
  if (payloads.some(({ failures }) => failures.length > 0)) return [];
  const texts = (pairs: readonly (readonly [string, unknown])[]) => pairs.map(([key]) => key);
  return [...new Set(lines.map(({ measurement }) => measurement))].flatMap((measurement) => {
    const own = lines.filter((line) => line.measurement === measurement);
    const tags = texts(own[0].tags).filter(
      (tag) => isPlain(tag) && fieldNames.isLabel(tag) && own.every((line) => texts(line.tags).includes(tag)),
    );
    const labels = Object.fromEntries(tags.slice(0, LABELS_MAX).map((tag) => [tag, tag]));
    const times = own.flatMap(({ time }) => time ?? []);
    const unit = times.length === 0 ? "ns" : fieldNames.timeUnit(times, nowMs);
    if (!isPlain(measurement) || unit === undefined || unit === "iso") return [];
    const precision: InfluxSpec["precision"] = unit;
    const numbers = own.flatMap(({ fields }) => fields.filter(([, value]) => typeof value === "number"));
    return [...new Set(texts(numbers))].filter(isPlain).map((field) => ({
      name: fieldNames.isGeneric(field) ? measurement : `${measurement}_${field}`,
      unit: null,
      payload: {
        kind: "influx" as const,
        measurement,
        field,
        precision,
        ...(tags.length > 0 ? { labels } : {}),
      },
    }));
  });
}

function isPlain(text: string): boolean {
  return text !== "" && !fieldNames.hasVariable(text);
}
