import type { PipelineMetric } from "@millrace/config";

/** What a metric reads of each record of a stream. */
export interface RecordMetricView {
  readonly stream: string;
  /** Keys and places from the record down to the value. */
  readonly path: readonly (string | number)[];
  /** From the value's text to the number that it stands for, or null: it counts nowhere. Without a map the value is the number. */
  readonly map: Readonly<Record<string, number | null>> | null;
  /** A record without the value counts nowhere in this metric. */
  readonly isOptional: boolean;
  /** Scale, offset or conversion are applied to the value. */
  readonly isAdjusted: boolean;
  readonly labels: readonly { readonly name: string; readonly path: readonly (string | number)[] }[];
}

/** Undefined: the metric is not of records. */
export function recordMetricView(source: PipelineMetric["source"]): RecordMetricView | undefined {
  if (source.kind !== "records") return undefined;
  const { path, map, isOptional, adjustment, labels } = source.measure;
  return {
    stream: source.stream,
    path,
    map: map === null ? null : Object.fromEntries(map),
    isOptional,
    isAdjusted: adjustment !== null,
    labels,
  };
}
