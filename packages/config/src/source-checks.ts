import { orNearest } from "@millrace/runtime";
import { NamePattern, parseTopicTemplate, unitConversion } from "@millrace/wire";
import { checkTimeZone } from "./check-time-zone.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { MetricFile } from "./pipeline-schema.ts";
import type { SourceFile } from "./source-schema.ts";
import { sparkplugTemplate } from "./sparkplug-template.ts";
import type { KeyPath } from "./yaml-source.ts";

const PAYLOADS = ["number", "json", "csv", "senml", "influx"] as const;
/** Sources without a topic. */
const ALONE = ["sparkplug", "host"] as const;
/** What means something of records only, and of readings only. */
const RECORD_KEYS = [
  ["id"],
  ["map"],
  ["optional"],
  ["time", "timeZone"],
  ["identity"],
  ["since"],
  ["position"],
  ["zoneLabel"],
  ["zones"],
] as const;
const READING_KEYS = [["each"], ["quality"]] as const;
/** What batches of panes can carry. */
const LABELS_MAX = 64;

/** A metric's `from`: one source, labels given once, columns that exist, a conversion that is possible. */
export function checkSource(reader: ConfigReader, name: string, metric: MetricFile): void {
  const path = ["metrics", name, "from"];
  const { from } = metric;
  if (from.records === undefined) checkReadings(reader, path, from);
  else checkRecords(reader, path, from);
  checkLabels(reader, path, from);
  checkColumns(reader, [...path, "csv"], from);
  checkConversion(reader, [...path, "convert", "from"], metric);
  const hasTime = from.json?.time ?? from.csv?.time ?? from.senml ?? from.influx;
  if (from.topic !== undefined && hasTime === undefined) {
    const wayOut =
      from.number === undefined
        ? `give from.${from.csv === undefined ? "json" : "csv"}.time so that they are counted exactly once`
        : "a plain number cannot: JSON or CSV with a time would be counted exactly once";
    reader.warning(
      path,
      `readings of ${name} bring no time of their own and are counted at least once; ${wayOut}`,
      "key",
    );
  }
}

/** The labels of a metric's readings; undefined for the gateway's own sensors: theirs are known only to the agent. */
export function sourceLabels(from: SourceFile): readonly string[] | undefined {
  if (from.records !== undefined) {
    const labels = payloadLabels(from).map(([label]) => label);
    const zoneLabel = from.json?.zoneLabel;
    return zoneLabel === undefined ? labels : [...labels, zoneLabel];
  }
  const captures = sourceCaptures(from);
  if (captures === undefined) return undefined;
  // The agent adds its site to every reading.
  return [...new Set([...captures, ...payloadLabels(from).map(([label]) => label), "site"])];
}

/** Labels that the topic gives, or the Sparkplug ids; undefined where there are neither. */
function sourceCaptures({ topic, sparkplug }: SourceFile): readonly string[] | undefined {
  if (topic === undefined && sparkplug === undefined) return undefined;
  const parsed = sparkplug === undefined ? parseTopicTemplate(topic ?? "") : sparkplugTemplate(sparkplug);
  return parsed.ok ? parsed.template.captures : undefined;
}

/** Labels that the payload gives, with their places in the file. */
function payloadLabels(from: SourceFile): readonly (readonly [label: string, path: KeyPath])[] {
  const pattern = from.senml === undefined ? undefined : NamePattern.parse(from.senml.name);
  const metric = from.sparkplug === undefined ? undefined : NamePattern.parse(from.sparkplug.metric);
  return [
    ...(["json", "csv", "influx"] as const).flatMap((kind) =>
      Object.keys(from[kind]?.labels ?? {}).map((label) => [label, [kind, "labels", label]] as const),
    ),
    ...(pattern?.captures ?? []).map((label) => [label, ["senml", "name"]] as const),
    ...(metric?.captures ?? []).map((label) => [label, ["sparkplug", "metric"]] as const),
  ];
}

function checkReadings(reader: ConfigReader, path: KeyPath, from: SourceFile): void {
  checkKind(reader, path, from);
  if (from.json !== undefined && from.json.value === undefined)
    reader.problem([...path, "json"], "json has no value; readings need one", "key");
  for (const key of RECORD_KEYS)
    if (reader.source.has([...path, "json", ...key]))
      reader.problem(
        [...path, "json", ...key],
        `json.${key.join(".")} is for records; remove it, or give records instead of a topic`,
        "key",
      );
}

/** A stream of records, read as JSON, with an id and a time. */
function checkRecords(reader: ConfigReader, path: KeyPath, from: SourceFile): void {
  const { json } = from;
  const beside = [...PAYLOADS, ...ALONE, "topic" as const].filter(
    (kind) => kind !== "json" && from[kind] !== undefined,
  );
  for (const kind of beside)
    reader.problem([...path, kind], `records are read as json; remove ${kind}`, "key");
  if (json === undefined) {
    reader.problem([...path, "records"], "records need json: { id: …, time: …, value: … }", "key");
    return;
  }
  for (const key of READING_KEYS)
    if (reader.source.has([...path, "json", ...key]))
      reader.problem([...path, "json", ...key], `json.${key.join(".")} is for readings; remove it`, "key");
  for (const key of ["id", "time"] as const)
    if (json[key] === undefined)
      reader.problem(
        [...path, "json"],
        `json has no ${key}; records need one, to be counted exactly once`,
        "key",
      );
  checkZone(reader, [...path, "json", "time"], json.time);
  checkZone(reader, [...path, "json", "since"], json.since);
  checkRecordValue(reader, path, from, json);
}

function checkZone(
  reader: ConfigReader,
  path: KeyPath,
  time: { readonly unit: string; readonly timeZone?: string | undefined } | undefined,
): void {
  if (time?.timeZone === undefined) return;
  const place = [...path, "timeZone"];
  if (time.unit !== "iso")
    reader.problem(place, "numbers count from 1970, UTC, whatever the zone; remove timeZone", "key");
  else checkTimeZone(reader, place, time.timeZone);
}

const RECORD_VALUES = ["value", "identity", "since"] as const;
const ADJUSTMENTS = ["scale", "offset", "convert"] as const;

/** One thing that is read of a record, and nothing that means nothing beside it. */
function checkRecordValue(
  reader: ConfigReader,
  path: KeyPath,
  from: SourceFile,
  json: NonNullable<SourceFile["json"]>,
): void {
  const { position, zoneLabel, zones, labels = {} } = json;
  const place = [...path, "json"];
  const [kind, another] = RECORD_VALUES.filter((key) => json[key] !== undefined);
  if (kind === undefined && position === undefined)
    reader.problem(
      place,
      "json has no value; records need one of value, identity, since and position",
      "key",
    );
  if (another !== undefined)
    reader.problem([...place, another], `json has ${kind} and ${another}; keep one of the two`, "key");
  if (json.map !== undefined && kind !== "value")
    reader.problem([...place, "map"], "map says what texts at value mean; remove it, or give value", "key");
  if (kind === "identity" || kind === undefined)
    for (const key of ADJUSTMENTS)
      if (from[key] !== undefined)
        reader.problem([...path, key], `${key} is for numbers; remove it, or give value`, "key");
  if (position !== undefined && kind !== undefined && zoneLabel === undefined)
    reader.problem(
      [...place, "position"],
      `the metric is of ${kind}, and its position is of no use; give zoneLabel, or remove one of the two`,
      "key",
    );
  if (zones !== undefined && zoneLabel === undefined)
    reader.problem([...place, "zones"], "zones are told by their label; give zoneLabel", "key");
  if (zoneLabel === undefined) return;
  if (position === undefined)
    reader.problem([...place, "zoneLabel"], "zones are found by position; give position: { … }", "key");
  if (Object.hasOwn(labels, zoneLabel))
    reader.problem([...place, "zoneLabel"], `labels has ${zoneLabel} already; keep one of the two`);
}

function checkKind(reader: ConfigReader, path: KeyPath, from: SourceFile): void {
  const payloads = PAYLOADS.filter((kind) => from[kind] !== undefined);
  const alone = ALONE.find((kind) => from[kind] !== undefined);
  if (alone !== undefined) {
    if (from.topic !== undefined || payloads.length > 0 || (alone === "sparkplug" && from.host !== undefined))
      reader.problem(
        [...path, alone],
        `${alone} stands alone; remove it, or ${from.topic === undefined ? "what stands beside it" : "the topic and its payload"}`,
        "key",
      );
    const template = from.sparkplug === undefined ? undefined : sparkplugTemplate(from.sparkplug);
    if (template?.ok === false) reader.problem([...path, "sparkplug"], template.detail, "key");
  } else if (from.topic === undefined) {
    reader.problem(
      path,
      `from needs a topic with one of ${PAYLOADS.join(", ")}, or ${ALONE.join(", or ")}, or records`,
      "key",
    );
  } else if (payloads.length !== 1) {
    const found = payloads.length === 0 ? "no payload" : payloads.join(" and ");
    const message = `from has a topic and ${found}; it must be one of number: {}, json: { value: … }, csv, senml and influx`;
    reader.problem(path, message, "key");
  }
}

function checkLabels(reader: ConfigReader, path: KeyPath, from: SourceFile): void {
  const captures = sourceCaptures(from) ?? [];
  const what = from.sparkplug === undefined ? "the topic captures" : "group, node or device capture";
  for (const [label, place] of payloadLabels(from)) {
    if (captures.includes(label))
      reader.problem([...path, ...place], `${what} ${label} already; keep one of the two`, "key");
  }
  const count = sourceLabels(from)?.length ?? 0;
  if (count > LABELS_MAX)
    reader.problem(path, `${count} labels are more than a reading can have; keep ${LABELS_MAX}`, "key");
}

function checkColumns(reader: ConfigReader, path: KeyPath, { csv }: SourceFile): void {
  if (csv?.columns === undefined) return;
  const { columns, value, time, quality, labels } = csv;
  for (const [index, column] of columns.entries()) {
    if (columns.indexOf(column) !== index)
      reader.problem([...path, "columns", index], `${column} stands twice; rename one`);
  }
  const used: [KeyPath, string | undefined][] = [
    [["value"], value],
    [["time", "column"], time?.column],
    [["quality", "column"], quality?.column],
    ...Object.entries(labels ?? {}).map(([label, column]): [KeyPath, string] => [["labels", label], column]),
  ];
  for (const [place, column] of used) {
    if (column !== undefined && !columns.includes(column))
      reader.problem([...path, ...place], `columns has no ${column}; ${orNearest(column, columns)}`);
  }
}

function checkConversion(reader: ConfigReader, path: KeyPath, { from, unit }: MetricFile): void {
  if (from.convert === undefined) return;
  const result = unitConversion(from.convert.from, unit);
  if (result.ok) return;
  const message = {
    to: `the metric's unit ${unit} has no known conversions; give scale and offset instead`,
    from: `${from.convert.from} is no known unit; ${unit} is converted from ${result.units.join(", ")}`,
    neither: `${from.convert.from} cannot become ${unit}; it is converted from ${result.units.join(", ")}`,
  }[result.unknown];
  reader.problem(path, message);
}
