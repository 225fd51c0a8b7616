import { loadPipeline } from "./load-pipeline.ts";
import type { Loaded, LoadOptions } from "./load.ts";
import type { Pipeline } from "./pipeline.ts";

/** What an agent makes of pipeline.yaml: without what is made of records, which come to central. */
export interface AgentPipeline extends Pipeline {
  /** Metrics that are left to central. */
  readonly leftToCentral: readonly string[];
}

/** As `loadPipeline`, for an agent. */
export function loadAgentPipeline(path: string, options: LoadOptions = {}): Loaded<AgentPipeline> {
  const { config, ...rest } = loadPipeline(path, options);
  const metrics = config.metrics.filter(({ source }) => source.kind !== "records");
  const leftToCentral = config.metrics.flatMap((metric) => (metrics.includes(metric) ? [] : metric.name));
  const windows = config.windows.filter(({ metric }) => !leftToCentral.includes(metric));
  return { ...rest, config: { ...config, metrics, windows, leftToCentral } };
}
