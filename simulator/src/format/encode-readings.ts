import { METRIC_TRAITS, type Metric } from "../plan/metric.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import type { ReadingFormat } from "./reading-format.ts";

/** Names of RFC 8428's table of units; where it has none, the metric's own. */
const SENML_UNITS: Partial<Record<Metric, string>> = {
  temperature: "Cel",
  vibration: "mm/s",
  current: "A",
  flow: "l/min",
};

export interface EncodeOptions {
  /** Line and machine stand in the payload: where it goes there is no topic to name them. */
  readonly hasPlace: boolean;
}

/**
 * The payload of readings that belong into one message, oldest first: of one machine, and of one signal or one tick as
 * the format has it. The same bytes whenever the same readings are sent.
 */
export function encodeReadings(
  format: Exclude<ReadingFormat, "sparkplug">,
  readings: readonly TruthReading[],
  { hasPlace }: EncodeOptions,
): string {
  const [first] = readings;
  if (first === undefined) throw new Error("invariant: a message has readings");
  switch (format) {
    case "json":
      return hasPlace
        ? `{"line":"${first.line}","machine":"${first.machine}",${toJson(first).slice(1)}`
        : toJson(first);
    case "array":
      return `{"readings":[${readings.map(toJson).join(",")}]}`;
    case "number":
      return String(first.value);
    case "csv":
      // A file has its heading already.
      if (hasPlace)
        return readings
          .map(({ time, line, machine, value }) => `${time},${line},${machine},${value}`)
          .join("\n");
      return `ts,value\n${readings.map(({ time, value }) => `${time},${value}\n`).join("")}`;
    case "senml":
      return JSON.stringify(
        readings.map(({ metric, value }, index) => ({
          ...(index === 0 ? { bn: `urn:millrace:${first.machine}:`, bt: first.time / 1_000 } : {}),
          n: metric,
          u: SENML_UNITS[metric] ?? METRIC_TRAITS[metric].unit,
          v: value,
        })),
      );
    case "influx": {
      const tags = `site=${first.site},line=${first.line},machine=${first.machine}`;
      const fields = readings.map(({ metric, value }) => `${metric}=${value}`).join(",");
      return `machine,${tags} ${fields} ${first.time}000000`;
    }
  }
}

function toJson({ metric, value, time }: TruthReading): string {
  return `{"${metric}":${value},"ts":${time}}`;
}
