import {
  type JsonPath,
  NamePattern,
  parseJsonPath,
  parseTopicTemplate,
  type PayloadSpec,
  type RecordMeasure,
  type RecordValueKind,
  unitConversion,
  type ValueAdjustment,
} from "@millrace/wire";
import type { ZoneSpec } from "@millrace/stream";
import type { MetricFile } from "./pipeline-schema.ts";
import type { MetricSource } from "./pipeline.ts";
import type { SourceFile } from "./source-schema.ts";
import { sparkplugTemplate } from "./sparkplug-template.ts";

/** The source of a checked metric. */
export function toMetricSource(
  name: string,
  { from, unit }: MetricFile,
  zones: readonly ZoneSpec[],
): MetricSource {
  const adjustment = toAdjustment(from, unit);
  if (from.records !== undefined) return toRecords(name, from, { adjustment: adjustment ?? null, zones });
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
  { adjustment, zones }: { readonly adjustment: ValueAdjustment | null; readonly zones: readonly ZoneSpec[] },
): MetricSource {
  if (records === undefined || json?.id === undefined || json.time === undefined)
    throw new Error("invariant: a checked stream of records has json with id and time");
  const { id, time, map, optional } = json;
  return {
    kind: "records",
    stream: records,
    id: toPath(id),
    time: { path: toPath(time.path), unit: time.unit, timeZone: time.timeZone ?? null },
    measure: {
      metric,
      ...toValue(json),
      map: map === undefined ? null : new Map(Object.entries(map)),
      isOptional: optional ?? false,
      adjustment,
      labels: toLabels(json, zones),
    },
  };
}

function toValue({ value, identity, since, position }: JsonFile): {
  readonly path: JsonPath;
  readonly value?: RecordValueKind;
} {
  if (value !== undefined) return { path: toPath(value) };
  if (identity !== undefined) return { path: toPath(identity), value: { kind: "identity" } };
  if (since !== undefined) {
    const { path, unit, timeZone = null } = since;
    return { path: toPath(path), value: { kind: "since", unit, timeZone } };
  }
  if (position === undefined) throw new Error("invariant: checked json of records has a value");
  const { longitude, latitude } = position;
  return { path: toPath(longitude), value: { kind: "position", latitude: toPath(latitude) } };
}

function toLabels(
  { labels = {}, position, zoneLabel, zones: names }: JsonFile,
  zones: readonly ZoneSpec[],
): RecordMeasure["labels"] {
  const plain = Object.entries(labels).map(([name, path]) => ({ name, path: toPath(path) }));
  if (zoneLabel === undefined || position === undefined) return plain;
  const [longitude, latitude] = [toPath(position.longitude), toPath(position.latitude)];
  const asked = names?.flatMap((name) => zones.filter((zone) => zone.name === name)) ?? zones;
  return [...plain, { name: zoneLabel, zone: { longitude, latitude, zones: asked } }];
}

type JsonFile = NonNullable<SourceFile["json"]>;

export function toPath(text: string): JsonPath {
  const path = parseJsonPath(text);
  if (path === undefined) throw new Error("invariant: the schema takes only paths that parse");
  return path;
}

function toPayload({ json, csv, senml, influx }: SourceFile): PayloadSpec {
  if (json !== undefined) {
    const { each, value, time, quality, labels } = json;
    if (value === undefined) throw new Error("invariant: checked json of readings has a value");
    return { kind: "json", each, value, time, quality, labels };
  }
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
