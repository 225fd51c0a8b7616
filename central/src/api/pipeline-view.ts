import { windowLengths } from "@millrace/stream";
import type { CentralPipeline } from "../state/central-state.ts";
import type { PipelineView } from "./central-reader.ts";
import { recordMetricView } from "./record-metric-view.ts";
import { ruleViews } from "./rule-view.ts";

/** What central makes of a pipeline, as it is shown. */
export function pipelineView(pipeline: CentralPipeline): PipelineView {
  const { metrics, windows } = pipeline;
  return {
    rules: ruleViews(pipeline),
    metrics: metrics.map(({ name, unit, isLive, accumulate, source }) => ({
      name,
      unit,
      isLive,
      accumulate,
      records: recordMetricView(source),
    })),
    windows: windows.map((spec) => ({
      name: spec.name,
      metric: spec.metric,
      kind: spec.kind,
      ...windowLengths(spec),
      offsetMs: spec.kind === "aligned" ? spec.offsetMs : 0,
      latenessMs: spec.latenessMs,
      ...(spec.kind === "day" ? { timeZone: spec.timeZone } : {}),
      by: spec.by,
    })),
  };
}
