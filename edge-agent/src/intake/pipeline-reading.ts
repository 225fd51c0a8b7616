import type { HostSensor, Pipeline, PipelineMetric } from "@millrace/config";
import type { RuleEngine, RuleSpec } from "@millrace/detect";
import type { ClockGuard } from "../clock-guard.ts";
import { EvidenceTopics } from "../evidence/evidence-topics.ts";
import { IncomingReadings } from "./incoming-readings.ts";
import { RouteSeries } from "./route-series.ts";
import type { SeriesRegistry } from "./series-registry.ts";
import { TopicRoutes } from "./topic-routes.ts";

/** What a pipeline makes of an arrival; made anew for each pipeline. */
export interface PipelineReading {
  readonly routes: TopicRoutes;
  readonly evidence: EvidenceTopics;
  readonly incoming: IncomingReadings;
  readonly hostMetrics: ReadonlyMap<HostSensor, PipelineMetric>;
  /** Rules whose commands a reading causes. */
  readonly measuredRules: ReadonlySet<string>;
}

export function pipelineReading(
  { metrics, evidence, rules }: Pipeline,
  options: {
    readonly site: string;
    readonly guard: ClockGuard;
    readonly registry: SeriesRegistry;
    /** Those that run: they are changed together with this. */
    readonly engine: Pick<RuleEngine, "breaksLimit">;
    readonly confirmationFilters: readonly string[];
  },
): PipelineReading {
  const { site, guard, registry, engine, confirmationFilters } = options;
  return {
    routes: new TopicRoutes({ metrics, site, confirmationFilters }),
    evidence: new EvidenceTopics({ sources: evidence, site }),
    incoming: new IncomingReadings({ guard, series: new RouteSeries({ registry, site }), rules: engine }),
    hostMetrics: new Map(
      metrics.flatMap((metric) =>
        metric.source.kind === "host" ? [[metric.source.sensor, metric] as const] : [],
      ),
    ),
    measuredRules: new Set(rules.filter(isByReading).map(({ name }) => name)),
  };
}

/** The others go by time: silence, or a watermark. */
function isByReading({ window, when }: RuleSpec): boolean {
  return window === undefined && when.kind !== "missing";
}
