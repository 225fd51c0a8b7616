import type { RecordStreamConfig } from "@millrace/config";
import type { CentralPipeline } from "../../state/central-state.ts";

/** The pipeline with what metrics of tables need beside their means, so that what a row had said can be taken out of them. */
export function retractablePipeline(
  pipeline: CentralPipeline,
  records: readonly RecordStreamConfig[],
): CentralPipeline {
  const tables = new Set(records.flatMap(({ name, debezium }) => (debezium === undefined ? [] : [name])));
  const metrics = pipeline.metrics.map((metric) =>
    metric.stream !== undefined && tables.has(metric.stream) && metric.accumulate.includes("mean")
      ? { ...metric, accumulate: [...metric.accumulate, "moments"] }
      : metric,
  );
  return { ...pipeline, metrics };
}
