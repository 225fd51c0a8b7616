import type { ApplyOutcome } from "@millrace/stream";
import type { CentralState } from "../state/central-state.ts";

/** Alarms on single metrics that are active at once; counters and ledgers have them all. */
export const METRIC_ALARMS_MAX = 1_000;

/** What came of one metric of a source. */
export interface LateMetric extends Pick<ApplyOutcome, "merged" | "tooLate" | "tooLateFromMs"> {
  readonly source: string;
  /** "" where it is of records. */
  readonly site: string;
  readonly metric: string;
  /** All that comes of the source is too late, which is told of it as a whole. */
  readonly isOfAll: boolean;
}

type LateMetricState = Pick<CentralState, "alarms" | "lateRuns"> & {
  readonly engine: Pick<CentralState["engine"], "keptToMsOf">;
};

/** Alarms a metric of which all is too late for its windows, though other metrics of its source are in theirs; once while it lasts. */
export function noteLateMetric(
  { alarms, engine, lateRuns }: LateMetricState,
  { source, site, metric, merged, tooLate, tooLateFromMs, isOfAll }: LateMetric,
  { nowMs, monotonicMs }: { readonly nowMs: number; readonly monotonicMs: number },
): void {
  const keptToMs = tooLateFromMs === null ? null : engine.keptToMsOf({ metric }, tooLateFromMs);
  const run = lateRuns.note(source, { metric, taken: merged, tooLate, keptToMs }, monotonicMs);
  if (run === null || isOfAll || alarms.isRaised(source, "data_loss", metric)) return;
  if (alarms.raisedOfMetricsCount >= METRIC_ALARMS_MAX) return;
  const { message, count: value } = run;
  alarms.raise({ agent: source, site, kind: "data_loss", metric, message, value, nowMs });
}
