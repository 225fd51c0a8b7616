import type { Pipeline, PipelineMetric } from "@millrace/config";
import type { RuleEngine } from "@millrace/detect";
import type { Change } from "@millrace/queue";
import type { SeriesWatermarks } from "@millrace/stream";
import type { MaintenanceDesk } from "../actions/maintenance-desk.ts";
import type { RuleOutcomes } from "../actions/rule-outcomes.ts";
import type { ClockGuard } from "../clock-guard.ts";
import type { Checkpoints } from "../durability/checkpoints.ts";
import type { DurabilityWaits } from "../durability/durability-waits.ts";
import type { PendingChanges } from "../durability/pending-changes.ts";
import type { FlightRecorder } from "../evidence/flight-recorder.ts";
import type { Subscriptions } from "../inputs/input.ts";
import type { PipelineReader } from "../intake/pipeline-reader.ts";
import type { Reception } from "../intake/reception.ts";
import { type SeriesRegistry, seriesMaxOf } from "../intake/series-registry.ts";
import type { PaneEmission } from "../panes/pane-emission.ts";
import type { PaneSealer } from "../panes/pane-sealer.ts";
import { PANE_ROWS_MAX, PaneTables } from "../panes/pane-tables.ts";
import type { WatchedWindows } from "../panes/watched-windows.ts";
import { windowsOfRules } from "../panes/windows-of-rules.ts";
import type { SparkplugDesk } from "../sparkplug/sparkplug-desk.ts";

export interface RunningPipelineOptions {
  /** That of the start. */
  readonly pipeline: Pipeline;
  readonly guard: ClockGuard;
  readonly reader: PipelineReader;
  readonly reception: Reception;
  readonly series: SeriesRegistry;
  readonly watermarks: SeriesWatermarks;
  readonly rules: RuleEngine;
  readonly watched: WatchedWindows;
  readonly tables: PaneTables;
  readonly emission: PaneEmission;
  readonly paneSealer: PaneSealer;
  readonly recorder: FlightRecorder | null;
  readonly maintenance: MaintenanceDesk;
  readonly sparkplug: SparkplugDesk;
  readonly outcomes: RuleOutcomes;
  readonly checkpoints: Checkpoints;
  readonly pending: PendingChanges;
  readonly waits: DurabilityWaits;
}

/** The pipeline of the moment, and how all that depends on it takes another one over, between two readings. */
export class RunningPipeline {
  readonly #options: RunningPipelineOptions;
  #pipeline: Pipeline;

  constructor(options: RunningPipelineOptions) {
    this.#options = options;
    this.#pipeline = options.pipeline;
  }

  get pipeline(): Pipeline {
    return this.#pipeline;
  }

  isMeasured(metric: string): boolean {
    return this.#pipeline.metrics.some(({ name }) => name === metric);
  }

  subscriptions(): Subscriptions {
    const { reader, reception } = this.#options;
    return reader.subscriptionsOf(this.#pipeline, reception.reading);
  }

  /** See `Agent.expectPipeline`. */
  expect(pipeline: Pipeline): Subscriptions {
    const { reader, reception } = this.#options;
    const now = this.subscriptions();
    const then = reader.subscriptionsOf(pipeline, reader.readingOf(pipeline));
    reception.expect([...then.filters, ...then.ownFilters, ...then.sparkplugFilters]);
    const both = (kind: keyof Subscriptions) => [...new Set([...now[kind], ...then[kind]])];
    return {
      filters: both("filters"),
      ownFilters: both("ownFilters"),
      commandFilters: both("commandFilters"),
      sparkplugFilters: both("sparkplugFilters"),
    };
  }

  /** See `Agent.changePipeline`. */
  change(pipeline: Pipeline, record: readonly Change[]): Promise<void> {
    const { rules, watched, guard, reader, reception, maintenance, emission, recorder } = this.#options;
    const { sparkplug, pending, outcomes, waits } = this.#options;
    // Throws where a layout cannot be made.
    PaneTables.of(pipeline.metrics, PANE_ROWS_MAX);
    const adoptRules = rules.prepareRules(pipeline.rules, guard.nowMs());
    const watching = { metrics: pipeline.metrics, windows: windowsOfRules(pipeline) };
    const adoptWatched = watched.prepare(watching, this.#nextTimeMs());
    const reading = reader.readingOf(pipeline);
    this.#pipeline = pipeline;
    adoptWatched();
    const adopted = adoptRules();
    maintenance.setTopic(pipeline.maintenance);
    reception.adopt(reading);
    emission.setMetrics(pipeline.metrics);
    recorder?.setPipeline(pipeline);
    this.measure(pipeline.metrics);
    sparkplug.setPipeline(pipeline);
    for (const change of record) pending.push(change);
    outcomes.handle(adopted, "reload");
    reception.settle();
    return waits.until({ isUrgent: true });
  }

  /** The panes are those of these metrics; series of others hold no watermark back. */
  measure(metrics: readonly PipelineMetric[]): void {
    const { tables, series, watermarks, emission, paneSealer, checkpoints } = this.#options;
    paneSealer.addOutdated(tables.change(metrics, this.#nextTimeMs(), emission.labelsOf));
    const names = new Set(metrics.map(({ name }) => name));
    for (let index = 0; index < series.count; index += 1)
      if (!names.has(series.get(index).metric)) watermarks.retire(index);
    checkpoints.pipelineChanged();
  }

  /** `limits.seriesPerMetricMax`; in windows of rules it counts from the next start. */
  setSeriesMax(seriesPerMetricMax: number): void {
    this.#options.series.setSeriesMax(seriesPerMetricMax);
    this.#options.rules.setSeriesMax(seriesMaxOf(seriesPerMetricMax));
  }

  /** No reading of this event time or later has come yet, but by a clock that was wrong. */
  #nextTimeMs(): number {
    const { guard, series, watermarks } = this.#options;
    const nowMs = guard.nowMs();
    const latestMs = guard.latestMs();
    let nextMs = nowMs;
    for (let index = 0; index < series.count; index += 1) {
      const timeMs = watermarks.maxTimeMs(index);
      if (timeMs !== null && timeMs >= nextMs && timeMs <= latestMs) nextMs = timeMs + 1;
    }
    return nextMs;
  }
}
