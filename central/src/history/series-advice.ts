import { formatDuration } from "@millrace/runtime";
import type { HistoryLevel } from "@millrace/stream";
import type { KeptFrom } from "./kept-from.ts";
import type { StepGrid } from "./series-points.ts";
import { seriesStep, STEPS_MS } from "./series-step.ts";
import type { SeriesStep } from "./series-step.ts";

/** One answer has no more points, all its series together, */
export const POINTS_MAX = 500_000;
/** and is made of no more chunks. */
export const CHUNKS_MAX = 100_000;

export interface RangeAsked {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface AskedSeries extends RangeAsked {
  readonly levels: readonly HistoryLevel[];
  readonly wholeFromMs: KeptFrom;
  readonly groupCount: number;
}

/** Whole steps, from that which holds the beginning to that which holds the end. */
export function gridOf({ fromMs, toMs }: RangeAsked, stepMs: number): StepGrid {
  return {
    fromMs: Math.floor(fromMs / stepMs) * stepMs,
    toMs: Math.ceil(toMs / stepMs) * stepMs,
    stepMs,
  };
}

/** Null: an answer holds that much. Else what to ask for instead, that it does hold. */
export function seriesAdvice(asked: AskedSeries, step: SeriesStep): string | null {
  const { groupCount } = asked;
  const groupsMax = groupsThatFit(asked, step);
  if (groupCount <= groupsMax) return null;
  const points = Math.round(lengthOf(gridOf(asked, step.stepMs)) / step.stepMs);
  const groupsAt = (stepMs: number) =>
    groupsThatFit(asked, seriesStep({ ...asked, stepMs, maxPoints: 1 }, asked.levels, asked.wholeFromMs));
  const fitting = STEPS_MS.filter((stepMs) => groupCount <= groupsAt(stepMs));
  const stepMs = fitting.find((each) => each > step.stepMs) ?? fitting.at(-1);
  const ways = stepMs === undefined ? [] : [`step=${formatDuration(stepMs)}`];
  if (groupsMax > 0) ways.push(pagesOf(groupsMax));
  const longestMs = STEPS_MS.at(-1) ?? step.stepMs;
  if (ways.length === 0 && groupsAt(longestMs) > 0)
    ways.push(`step=${formatDuration(longestMs)} with ${pagesOf(groupsAt(longestMs))}`);
  if (ways.length === 0) ways.push("a shorter range");
  return `${groupCount} series of ${points} points, read at ${step.level.name}, are more than an answer holds (${POINTS_MAX} points): ask for ${ways.join(", or for ")}`;
}

function pagesOf(groups: number): string {
  return `limit=${groups} and, with cursor, the pages that follow`;
}

function groupsThatFit(asked: RangeAsked, { stepMs, level }: SeriesStep): number {
  const lengthMs = lengthOf(gridOf(asked, stepMs));
  return Math.floor(Math.min((POINTS_MAX * stepMs) / lengthMs, (CHUNKS_MAX * level.chunkMs) / lengthMs));
}

function lengthOf({ fromMs, toMs }: StepGrid): number {
  return toMs - fromMs;
}
