import type { PipelineMetric } from "@millrace/config";
import type { RecordMeasure } from "@millrace/wire";

/** What a metric reads of each record of a stream. */
export interface RecordMetricView {
  readonly stream: string;
  /** Where its time stands. */
  readonly timePath: readonly (string | number)[];
  /** Keys and places from the record down to the value. */
  readonly path: readonly (string | number)[];
  /**
   * What stands there, where it is no number: who it is of (`identity`), a time that the record's is `since` seconds behind, or a position
   * with its latitude at another path.
   */
  readonly value?: NonNullable<RecordMeasure["value"]>;
  /** From the value's text to the number that it stands for, or null: it counts nowhere. Without a map the value is the number. */
  readonly map: Readonly<Record<string, number | null>> | null;
  /** A record without the value counts nowhere in this metric. */
  readonly isOptional: boolean;
  /** Scale, offset or conversion are applied to the value. */
  readonly isAdjusted: boolean;
  readonly labels: RecordMeasure["labels"];
}

/** Undefined: the metric is not of records. */
export function recordMetricView(source: PipelineMetric["source"]): RecordMetricView | undefined {
  if (source.kind !== "records") return undefined;
  const { path, value, map, isOptional, adjustment, labels } = source.measure;
  return {
    stream: source.stream,
    timePath: source.time.path,
    path,
    ...(value === undefined ? {} : { value }),
    map: map === null ? null : Object.fromEntries(map),
    isOptional,
    isAdjusted: adjustment !== null,
    labels,
  };
}
