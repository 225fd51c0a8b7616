import type { Pipeline } from "@millrace/config";
import { type RuleEngine, topicFilter } from "@millrace/detect";
import type { MaintenanceDesk } from "../actions/maintenance-desk.ts";
import type { ClockGuard } from "../clock-guard.ts";
import type { Subscriptions } from "../inputs/input.ts";
import type { SparkplugDesk } from "../sparkplug/sparkplug-desk.ts";
import { type PipelineReading, pipelineReading } from "./pipeline-reading.ts";
import type { SeriesRegistry } from "./series-registry.ts";

export interface PipelineReaderOptions {
  readonly site: string;
  readonly guard: ClockGuard;
  readonly series: SeriesRegistry;
  readonly rules: RuleEngine;
  readonly maintenance: Pick<MaintenanceDesk, "filters">;
  readonly sparkplug: Pick<SparkplugDesk, "filters">;
}

/** What a pipeline wants to hear and makes of it, whether it runs already or is to come. */
export class PipelineReader {
  readonly #options: PipelineReaderOptions;

  constructor(options: PipelineReaderOptions) {
    this.#options = options;
  }

  /** What stands between an input and the intake. */
  readingOf(pipeline: Pipeline): PipelineReading {
    const { site, guard, series, rules } = this.#options;
    return pipelineReading(pipeline, {
      site,
      guard,
      registry: series,
      engine: rules,
      confirmationFilters: this.#ownFilters(pipeline),
    });
  }

  /** What the inputs must subscribe to for it: for readings, and the agent's own; and where it commands. */
  subscriptionsOf(pipeline: Pipeline, { routes, evidence }: PipelineReading): Subscriptions {
    const commandFilters = pipeline.rules.flatMap(({ action }) =>
      action === null ? [] : [topicFilter(action.topicTemplate)],
    );
    const filters = [...new Set([...routes.filters(), ...evidence.filters])];
    const sparkplugFilters = this.#options.sparkplug.filters(pipeline);
    return { filters, ownFilters: this.#ownFilters(pipeline), commandFilters, sparkplugFilters };
  }

  /** Of machines' answers, and of what says what is in maintenance. */
  #ownFilters({ rules, maintenance }: Pipeline): readonly string[] {
    const confirms = rules.flatMap(({ action }) => action?.confirm ?? []);
    const answers = confirms.map(({ topic }) => topicFilter(topic));
    return [...new Set([...answers, ...this.#options.maintenance.filters(maintenance)])];
  }
}
