import type { Quality } from "@millrace/stream";
import { decodeFailure } from "../decode/decode-failure.ts";
import type { Decoded, DecodeFailure } from "../decode/decoded.ts";
import { readQuality } from "../decode/read-quality.ts";
import { parseSourceTime } from "../source-time.ts";
import type { SparkplugMetric, SparkplugValue } from "./sparkplug-payload.ts";
import { isNumericSparkplugType, type SparkplugType } from "./sparkplug-types.ts";

const NO_LABELS: readonly string[] = [];

/**
 * A reading of a metric of that type. Its time is the metric's own, else that of its payload; DateTime is a number of ms
 * since the epoch, Boolean 1 and 0. Integers beyond 2^53 are rounded to the nearest number.
 */
export function readSparkplugMetric(
  metric: SparkplugMetric,
  type: SparkplugType,
  payloadTimestamp: number | bigint | undefined,
): Decoded {
  if (metric.isNull) return decodeFailure("null_value", "null");
  if (metric.value === undefined) return decodeFailure("malformed", "no value");
  const value = toNumber(metric.value, type);
  if (typeof value !== "number") return value;
  if (!Number.isFinite(value)) return decodeFailure("not_finite", `${value} is no finite number`);
  const timestamp = metric.timestamp ?? payloadTimestamp;
  const time = timestamp === undefined ? null : parseSourceTime(timestamp, "ms");
  if (time === undefined) return decodeFailure("bad_time", `${timestamp} is no time in ms`);
  return {
    ok: true,
    value,
    timeMs: time === null ? null : time.timeMs,
    timeSubMsNs: 0,
    hasOwnTime: time !== null,
    quality: qualityOf(metric),
    isHistorical: metric.isHistorical,
    labels: NO_LABELS,
  };
}

/** Sparkplug 3.0, 6.4.8: without the property it is good. Stale (500) is bad, uncertain (64 of OPC) is no Sparkplug code. */
function qualityOf({ quality }: SparkplugMetric): Quality {
  return quality === undefined ? "good" : readQuality(quality, {});
}

function toNumber(source: NonNullable<SparkplugValue>, type: SparkplugType): number | DecodeFailure {
  if (source.kind === "text" || source.kind === "compound" || !isReadable(type))
    return decodeFailure("not_numeric", `${type === "Unknown" ? source.kind : type} is no number`);
  if (source.kind === "boolean") return source.value ? 1 : 0;
  if (source.kind === "floating") return source.value;
  const { value } = source;
  switch (type) {
    // Some write a negative Int8 with 8 bits, others with 32: both end in the same ones.
    case "Int8":
      return Number(BigInt.asIntN(8, BigInt(value)));
    case "Int16":
      return Number(BigInt.asIntN(16, BigInt(value)));
    case "Int32":
      return Number(BigInt.asIntN(32, BigInt(value)));
    case "Int64":
      return typeof value === "number" ? value : Number(BigInt.asIntN(64, value));
    case "UInt8":
      return Number(BigInt.asUintN(8, BigInt(value)));
    case "UInt16":
      return Number(BigInt.asUintN(16, BigInt(value)));
    case "UInt32":
      return Number(BigInt.asUintN(32, BigInt(value)));
    case "Boolean":
      return Number(value) === 0 ? 0 : 1;
    default:
      return Number(value);
  }
}

/** What has no type is read where it can be: a float, a double, true or false. */
function isReadable(type: SparkplugType): boolean {
  return type === "Unknown" || isNumericSparkplugType(type);
}
