import type { Metric } from "../plan/metric.ts";

/** How readings are written into payloads. */
export const READING_FORMATS = ["json", "array", "senml", "influx", "csv", "number", "sparkplug"] as const;
export type ReadingFormat = (typeof READING_FORMATS)[number];

export interface FormatTraits {
  /** What stands in one message: a reading, several of one signal, or all that a machine reads at one tick. */
  readonly gathers: "one" | "ticks" | "machine";
  /** Its readings bring their own time; without one they count at their arrival. */
  readonly hasTime: boolean;
  /** A payload is one line of text, so that a body or file of lines can hold many. */
  readonly isOneLine: boolean;
}

export const FORMAT_TRAITS: Readonly<Record<ReadingFormat, FormatTraits>> = {
  json: { gathers: "one", hasTime: true, isOneLine: true },
  array: { gathers: "ticks", hasTime: true, isOneLine: true },
  senml: { gathers: "machine", hasTime: true, isOneLine: true },
  influx: { gathers: "machine", hasTime: true, isOneLine: true },
  csv: { gathers: "ticks", hasTime: true, isOneLine: false },
  number: { gathers: "one", hasTime: false, isOneLine: true },
  sparkplug: { gathers: "machine", hasTime: true, isOneLine: false },
};

/** Last level of the topic. */
export function topicLevelOf(format: ReadingFormat, metric: Metric): string {
  return FORMAT_TRAITS[format].gathers === "machine" ? format : metric;
}
