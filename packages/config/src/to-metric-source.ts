import {
  type JsonPath,
  NamePattern,
  parseJsonPath,
  parseTopicTemplate,
  type PayloadSpec,
  unitConversion,
  type ValueAdjustment,
} from "@millrace/wire";
import type { MetricFile } from "./pipeline-schema.ts";
import type { MetricSource } from "./pipeline.ts";
import type { SourceFile } from "./source-schema.ts";
import { sparkplugTemplate } from "./sparkplug-template.ts";

/** The source of a checked metric. */
export function toMetricSource(name: string, { from, unit }: MetricFile): MetricSource {
  const adjustment = toAdjustment(from, unit);
  if (from.records !== undefined) return toRecords(name, from, adjustment ?? null);
  const adjusted = adjustment === undefined ? {} : { adjustment };
  if (from.host !== undefined) return { kind: "host", sensor: from.host, ...adjusted };
  if (from.sparkplug !== undefined) {
    const { device } = from.sparkplug;
    const source = sparkplugTemplate(from.sparkplug);
    const metric = NamePattern.parse(from.sparkplug.metric);
    if (!source.ok || metric === undefined)
      throw new Error("invariant: a checked sparkplug source has templates");
    return {
      kind: "sparkplug",
      source: source.template,
      isOfDevice: device !== undefined,
      metric,
      ...adjusted,
    };
  }
  const parsed = parseTopicTemplate(from.topic ?? "");
  if (!parsed.ok) throw new Error("invariant: the schema takes only topics that parse");
  const payload = toPayload(from);
  return { kind: "topic", topic: parsed.template, payload, hasOwnTime: canHaveTime(payload), ...adjusted };
}

function toRecords(
  metric: string,
  { records, json }: SourceFile,
  adjustment: ValueAdjustment | null,
): MetricSource {
  if (records === undefined || json?.id === undefined || json.time === undefined)
    throw new Error("invariant: a checked stream of records has json with id and time");
  const { id, time, value, map, optional, labels = {} } = json;
  return {
    kind: "records",
    stream: records,
    id: toPath(id),
    time: { path: toPath(time.path), unit: time.unit, timeZone: time.timeZone ?? null },
    measure: {
      metric,
      path: toPath(value),
      map: map === undefined ? null : new Map(Object.entries(map)),
      isOptional: optional ?? false,
      adjustment,
      labels: Object.entries(labels).map(([name, path]) => ({ name, path: toPath(path) })),
    },
  };
}

export function toPath(text: string): JsonPath {
  const path = parseJsonPath(text);
  if (path === undefined) throw new Error("invariant: the schema takes only paths that parse");
  return path;
}

function toPayload({ json, csv, senml, influx }: SourceFile): PayloadSpec {
  if (json !== undefined) return { kind: "json", ...json };
  if (csv !== undefined) return { kind: "csv", ...csv };
  if (senml !== undefined) return { kind: "senml", ...senml };
  return influx === undefined ? { kind: "number" } : { kind: "influx", ...influx };
}

function canHaveTime(payload: PayloadSpec): boolean {
  if (payload.kind === "json" || payload.kind === "csv") return payload.time !== undefined;
  return payload.kind !== "number";
}

function toAdjustment({ scale, offset, convert }: SourceFile, unit: string): ValueAdjustment | undefined {
  if (scale === undefined && offset === undefined && convert === undefined) return undefined;
  const result = convert === undefined ? undefined : unitConversion(convert.from, unit);
  if (result?.ok === false) throw new Error("invariant: a checked conversion is possible");
  return { scale: scale ?? 1, offset: offset ?? 0, conversion: result?.conversion ?? null };
}
