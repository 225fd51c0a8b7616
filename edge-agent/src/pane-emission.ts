import type { PipelineMetric } from "@millrace/config";
import type { Labels, PaneRows, PaneTable, SeriesWatermarks } from "@millrace/stream";
import type { ClockGuard } from "./clock-guard.ts";
import type { SealedWatermark } from "./outbox.ts";
import type { SeriesRegistry } from "./series-registry.ts";

export interface PaneEmissionOptions {
  readonly metrics: readonly PipelineMetric[];
  readonly tables: ReadonlyMap<string, PaneTable>;
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

  constructor(options: PaneEmissionOptions) {
    this.#options = options;
  }

  /** Something waits that should leave with the next live interval. */
  hasLiveRows(): boolean {
    const { metrics, tables } = this.#options;
    return metrics.some(({ name, isLive }) => isLive && (tables.get(name)?.rowCount ?? 0) > 0);
  }

  /** Takes what leaves out of the tables. `everything`: open panes too; `live`: those of live metrics; `complete`: none. */
  take(scope: "everything" | "live" | "complete"): Emission {
    const { metrics, tables, guard, watermarks, rowsMax } = this.#options;
    const { watermarkMs, isIdle } = watermarks.watermark(guard.steadyMs(), guard.isProven);
    const sections: PaneRows[] = [];
    for (const metric of metrics) {
      const table = tables.get(metric.name);
      if (table === undefined || table.rowCount === 0) continue;
      const takesOpen =
        scope === "everything" || (scope === "live" && metric.isLive) || table.rowCount > rowsMax;
      const { paneMs } = table.layout;
      const isComplete = (series: number, startMs: number) =>
        startMs + paneMs <= Math.max(watermarkMs ?? Number.NEGATIVE_INFINITY, this.#watermarkMs(series));
      const rows = table.take(this.labelsOf, takesOpen ? {} : { accept: isComplete });
      if (rows.rowCount > 0) sections.push(rows);
    }
    return { sections, sealed: { watermarkMs, isIdle, isClockSynchronised: guard.isSynchronised } };
  }

  readonly labelsOf = (series: number): Labels => this.#options.series.get(series).labels;

  #watermarkMs(series: number): number {
    const { watermarks, outOfOrdernessMs } = this.#options;
    return (watermarks.maxTimeMs(series) ?? Number.NEGATIVE_INFINITY) - outOfOrdernessMs;
  }
}
