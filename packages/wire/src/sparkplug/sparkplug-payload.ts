import { ELEMENTS_MAX } from "../decode/elements-max.ts";
import type { Parsed } from "../parsed.ts";
import { ProtobufReader } from "./protobuf-reader.ts";

/** A payload as `sparkplug_b.proto` has it, as far as a host needs it. Fields that it does not know are passed over. */
export interface SparkplugPayload {
  /** ms since the epoch; undefined when there is none. */
  readonly timestamp: number | bigint | undefined;
  readonly seq: number | bigint | undefined;
  /** At most ELEMENTS_MAX. */
  readonly metrics: readonly SparkplugMetric[];
  /** Metrics beyond them. */
  readonly unreadCount: number;
}

export interface SparkplugMetric {
  name: string | undefined;
  /** Stands for the name that a birth gave with it. */
  alias: number | bigint | undefined;
  timestamp: number | bigint | undefined;
  /** One of SPARKPLUG_TYPES, or a later one. */
  datatype: number | undefined;
  isHistorical: boolean;
  isNull: boolean;
  /** Property `Quality`: 192 good, 0 bad, 500 stale. */
  quality: number | undefined;
  value: SparkplugValue;
}

/** As it was written: an integer is not yet the signed one that its type says. Undefined: none. */
export type SparkplugValue =
  | { readonly kind: "integer"; readonly value: number | bigint }
  | { readonly kind: "floating"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "text"; readonly value: string }
  /** Bytes, a DataSet, a Template, an extension: not looked into. */
  | { readonly kind: "compound" }
  | undefined;

/** Never throws; the caller bounds the length. What is malformed is so as a whole: nothing of it can be trusted. */
export function parseSparkplugPayload(bytes: Uint8Array): Parsed<SparkplugPayload> {
  const reader = new ProtobufReader(bytes);
  let timestamp: number | bigint | undefined;
  let seq: number | bigint | undefined;
  let unreadCount = 0;
  const metrics: SparkplugMetric[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) timestamp = reader.integer();
    else if (field === 2) {
      if (metrics.length < ELEMENTS_MAX) metrics.push(readMetric(reader));
      else unreadCount += 1;
    } else if (field === 3) seq = reader.integer();
  }
  const { fault } = reader;
  if (fault !== undefined)
    return { ok: false, reason: "malformed", detail: `no Sparkplug B payload: ${fault}` };
  return { ok: true, message: { timestamp, seq, metrics, unreadCount } };
}

function readMetric(reader: ProtobufReader): SparkplugMetric {
  const metric: SparkplugMetric = {
    name: undefined,
    alias: undefined,
    timestamp: undefined,
    datatype: undefined,
    isHistorical: false,
    isNull: false,
    quality: undefined,
    value: undefined,
  };
  reader.message(() => {
    for (let field = reader.next(); field !== 0; field = reader.next()) readField(reader, field, metric);
  });
  return metric;
}

function readField(reader: ProtobufReader, field: number, metric: SparkplugMetric): void {
  switch (field) {
    case 1:
      metric.name = reader.text();
      break;
    case 2:
      metric.alias = reader.integer();
      break;
    case 3:
      metric.timestamp = reader.integer();
      break;
    case 4:
      metric.datatype = reader.integer32();
      break;
    case 5:
      metric.isHistorical = reader.truth();
      break;
    case 7:
      metric.isNull = reader.truth();
      break;
    case 9:
      metric.quality = readQualityProperty(reader);
      break;
    case 10:
      metric.value = { kind: "integer", value: reader.integer32() };
      break;
    case 11:
      metric.value = { kind: "integer", value: reader.integer() };
      break;
    case 12:
      metric.value = { kind: "floating", value: reader.float() };
      break;
    case 13:
      metric.value = { kind: "floating", value: reader.double() };
      break;
    case 14:
      metric.value = { kind: "boolean", value: reader.truth() };
      break;
    case 15:
      metric.value = { kind: "text", value: reader.text() };
      break;
    case 16:
    case 17:
    case 18:
    case 19:
      metric.value = { kind: "compound" };
  }
}

/** Of a PropertySet: keys and values stand in two lists, and belong together by their place. */
function readQualityProperty(reader: ProtobufReader): number | undefined {
  let keyCount = 0;
  let valueCount = 0;
  let place: number | undefined;
  const numbers: (number | undefined)[] = [];
  reader.message(() => {
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) {
        const key = reader.text();
        if (place === undefined && (key === "Quality" || key === "quality")) place = keyCount;
        keyCount += 1;
      } else if (field === 2) {
        if (valueCount < PROPERTIES_MAX) numbers.push(readPropertyNumber(reader));
        valueCount += 1;
      }
    }
  });
  return place === undefined ? undefined : numbers[place];
}

/** Of a metric: what stands beyond is not looked at. */
const PROPERTIES_MAX = 256;

function readPropertyNumber(reader: ProtobufReader): number | undefined {
  let number: number | undefined;
  reader.message(() => {
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 3) number = reader.integer32();
      else if (field === 4) number = Number(reader.integer());
    }
  });
  return number;
}
