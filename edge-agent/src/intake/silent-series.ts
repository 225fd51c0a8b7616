import type { RuleEngine } from "@millrace/detect";
import type { Clock } from "@millrace/runtime";
import type { SeriesWatermarks } from "@millrace/stream";
import type { ClockGuard } from "../clock-guard.ts";
import type { PaneTables } from "../panes/pane-tables.ts";
import type { SeriesRegistry } from "./series-registry.ts";

export interface SilentSeriesOptions {
  readonly series: SeriesRegistry;
  readonly watermarks: Pick<SeriesWatermarks, "silentMs" | "maxTimeMs">;
  readonly rules: Pick<RuleEngine, "release">;
  readonly tables: Pick<PaneTables, "tablesOf">;
  readonly guard: Pick<ClockGuard, "steadyMs" | "isProven">;
  readonly clock: Clock;
  /** Silent for longer, a series may be forgotten. */
  readonly silentMs: number;
  /** No reading before is expected any more; null: not known. */
  watermarkMs(): number | null;
}

/** Whoever speaks at all has had the time to speak since the start. */
const UPTIME_MS_MIN = 3_600_000;
/** A look at all series of a metric costs: not at each reading of a series that there is no room for. */
const LOOK_INTERVAL_MS = 10_000;

/**
 * Makes room where a metric has as many series as it may: the one that has been silent longest is forgotten, if that is long enough, its
 * panes have left, and no rule waits for it: no alarm of it stands, and none misses it.
 */
export class SilentSeries {
  readonly #options: SilentSeriesOptions;
  readonly #startedMs: number;
  /** By metric: those that were found silent, the one silent longest last; and when. */
  readonly #found = new Map<string, { readonly indexes: number[]; readonly atMs: number }>();

  constructor(options: SilentSeriesOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** True where one was forgotten. */
  makeRoom(metric: string): boolean {
    if (!this.#isTimeKnown) return false;
    const { series, rules } = this.#options;
    const { indexes } = this.#lookAt(metric);
    for (let index = indexes.pop(); index !== undefined; index = indexes.pop()) {
      if (!this.#isSilent(index) || !rules.release(metric, series.get(index).labels)) continue;
      if (series.forget(index)) return true;
    }
    return false;
  }

  /** A clock that was set ahead makes everybody look silent. */
  get #isTimeKnown(): boolean {
    const { clock, guard, silentMs } = this.#options;
    const uptimeMs = clock.monotonicMs() - this.#startedMs;
    return uptimeMs >= (guard.isProven ? Math.min(UPTIME_MS_MIN, silentMs) : silentMs);
  }

  #lookAt(metric: string): { readonly indexes: number[] } {
    const { clock, series, watermarks, guard } = this.#options;
    const nowMs = clock.monotonicMs();
    const known = this.#found.get(metric);
    if (known !== undefined && (known.indexes.length > 0 || nowMs - known.atMs < LOOK_INTERVAL_MS))
      return known;
    const steadyMs = guard.steadyMs();
    const silence = (index: number) => watermarks.silentMs(index, steadyMs);
    const indexes = series
      .indexesOf(metric)
      .filter((index) => this.#isSilent(index))
      .toSorted((left, right) => silence(left) - silence(right) || right - left);
    const found = { indexes, atMs: nowMs };
    this.#found.set(metric, found);
    return found;
  }

  #isSilent(index: number): boolean {
    const { series, watermarks, guard, tables, silentMs } = this.#options;
    if (watermarks.silentMs(index, guard.steadyMs()) < silentMs) return false;
    const timeMs = watermarks.maxTimeMs(index);
    const passedMs = this.#options.watermarkMs();
    if (timeMs === null) return true;
    return tables
      .tablesOf(series.get(index).metric)
      .every(({ layout }) => passedMs !== null && timeMs + layout.paneMs <= passedMs);
  }
}
