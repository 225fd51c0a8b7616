import type { PipelineMetric } from "@millrace/config";
import type { Labels, PaneRows, SeriesWatermarks } from "@millrace/stream";
import type { ClockGuard } from "../clock-guard.ts";
import type { SealedWatermark } from "../outbox/outbox.ts";
import type { PaneTables } from "./pane-tables.ts";
import type { SeriesRegistry } from "../intake/series-registry.ts";

export interface PaneEmissionOptions {
  readonly metrics: readonly PipelineMetric[];
  readonly tables: PaneTables;
  readonly series: SeriesRegistry;
  readonly watermarks: SeriesWatermarks;
  readonly guard: ClockGuard;
  readonly outOfOrdernessMs: number;
  /** A table with more open rows gives all of them away. */
  readonly rowsMax: number;
}

/** What the panes of all metrics have gained, with the watermark that holds once it is handed over. */
export interface Emission {
  readonly sections: readonly PaneRows[];
  readonly sealed: SealedWatermark;
}

/** Decides which deltas leave: those of live metrics as they come, the others once their pane is complete. */
export class PaneEmission {
  readonly #options: PaneEmissionOptions;
  /** By metric. */
  #isLive: ReadonlyMap<string, boolean>;

  constructor(options: PaneEmissionOptions) {
    this.#options = options;
    this.#isLive = livenessOf(options.metrics);
  }

  setMetrics(metrics: readonly PipelineMetric[]): void {
    this.#isLive = livenessOf(metrics);
  }

  /** Something waits that should leave with the next live interval. */
  hasLiveRows(): boolean {
    for (const table of this.#options.tables.all())
      if (table.rowCount > 0 && this.#leavesOpen(table.metric)) return true;
    return false;
  }

  /** Takes what leaves out of the tables. `everything`: open panes too; `live`: those of live metrics; `complete`: none. */
  take(scope: "everything" | "live" | "complete"): Emission {
    const { tables, guard, watermarks, rowsMax } = this.#options;
    const { watermarkMs, isIdle } = watermarks.watermark(guard.steadyMs(), guard.isProven);
    const sections: PaneRows[] = [];
    for (const table of tables.all()) {
      if (table.rowCount === 0) continue;
      const takesOpen =
        scope === "everything" ||
        (scope === "live" && this.#leavesOpen(table.metric)) ||
        table.rowCount > rowsMax;
      const { paneMs } = table.layout;
      const isComplete = (series: number, startMs: number) =>
        startMs + paneMs <= Math.max(watermarkMs ?? Number.NEGATIVE_INFINITY, this.#watermarkMs(series));
      const rows = table.take(this.labelsOf, takesOpen ? {} : { accept: isComplete });
      if (rows.rowCount > 0) sections.push(rows);
    }
    return { sections, sealed: { watermarkMs, isIdle, isClockSynchronised: guard.isSynchronised } };
  }

  readonly labelsOf = (series: number): Labels => this.#options.series.get(series).labels;

  /** A metric that the pipeline has no longer gets nothing more. */
  #leavesOpen(metric: string): boolean {
    return this.#isLive.get(metric) ?? true;
  }

  #watermarkMs(series: number): number {
    const { watermarks, outOfOrdernessMs } = this.#options;
    return (watermarks.maxTimeMs(series) ?? Number.NEGATIVE_INFINITY) - outOfOrdernessMs;
  }
}

function livenessOf(metrics: readonly PipelineMetric[]): ReadonlyMap<string, boolean> {
  return new Map(metrics.map(({ name, isLive }) => [name, isLive]));
}
