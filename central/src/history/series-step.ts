import { startOf } from "@millrace/stream";
import type { HistoryLevel } from "@millrace/stream";
import type { KeptFrom } from "./kept-from.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** What a step is chosen from where only a number of points is asked for: each is whole buckets of a level. */
export const STEPS_MS = [
  ...[1, 2, 5, 10, 20, 30].map((count) => count * SECOND_MS),
  ...[1, 2, 5, 10, 20, 30].map((count) => count * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 12].map((count) => count * HOUR_MS),
  ...[1, 2, 4, 7, 14, 28, 91, 182, 364].map((count) => count * DAY_MS),
];
const STEP_MS_MAX = 364 * DAY_MS;

export interface StepAsked {
  /** Null: as many points as `maxPoints` allow. */
  readonly stepMs: number | null;
  readonly maxPoints: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface SeriesStep {
  /** Whole buckets of the level. */
  readonly stepMs: number;
  readonly level: HistoryLevel;
}

/**
 * The step, as asked for or the next longer one that is whole buckets of a level that has all of the first step, and the coarsest
 * such level. Where none has, the one that reaches furthest.
 * @param levels finest first, at least one.
 */
export function seriesStep(
  { stepMs, maxPoints, fromMs, toMs }: StepAsked,
  levels: readonly HistoryLevel[],
  wholeFromMs: KeptFrom,
): SeriesStep {
  const leastMs = (toMs - fromMs) / maxPoints;
  const wantedMs =
    stepMs ?? STEPS_MS.find((each) => each >= leastMs) ?? Math.ceil(leastMs / STEP_MS_MAX) * STEP_MS_MAX;
  const stepOf = ({ bucketMs }: HistoryLevel) => Math.ceil(wantedMs / bucketMs) * bucketMs;
  const wholeFrom = ({ name }: HistoryLevel) => wholeFromMs[name] ?? -Infinity;
  const reaching = levels.filter((level) => wholeFrom(level) <= startOf(fromMs, stepOf(level)));
  const level =
    reaching.length > 0
      ? reaching.reduce((best, each) => (stepOf(each) <= stepOf(best) ? each : best))
      : levels.reduce((best, each) => (wholeFrom(each) <= wholeFrom(best) ? each : best));
  return { stepMs: stepOf(level), level };
}
