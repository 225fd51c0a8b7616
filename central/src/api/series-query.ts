import type { SeriesQuery } from "../history/series-page.ts";
import { parseCursor } from "./page-cursor.ts";
import { parseTime } from "./parse-time.ts";
import { ProblemError } from "./problem.ts";
import { labelsOf, parseLimit, parseQuery } from "./window-query.ts";

export const SERIES_LIMIT_DEFAULT = 100;
export const SERIES_LIMIT_MAX = 10_000;
export const SERIES_POINTS_DEFAULT = 1_000;
export const SERIES_POINTS_MAX = 100_000;
const VALUES_MAX = 32;
const STEP = /^(\d+)(ms|s|m|h|d)?$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** About thirty thousand years: what a time may be, and a range, so that steps of it can be counted. */
const TIME_MS_MAX = 1e15;

/** Reads a series query; every other parameter is a label that the group must have. */
export function parseSeriesQuery(query: unknown, nowMs: number): SeriesQuery {
  const values = parseQuery(query);
  const metric = values.get("metric");
  if (metric === undefined)
    throw new ProblemError("bad_request", "metric=<name> is needed; /api/v1/pipeline lists them");
  const group = labelsOf(values, "/api/v1/series");
  const fromMs = parseTime(values.get("from"), "from", nowMs);
  if (fromMs === null) throw new ProblemError("bad_request", "from=<time> is needed");
  const toMs = parseTime(values.get("to"), "to", nowMs) ?? nowMs;
  if (Math.max(Math.abs(fromMs), Math.abs(toMs)) > TIME_MS_MAX || toMs <= fromMs)
    throw new ProblemError("bad_request", `from ${fromMs} to ${toMs} is no range of time`);
  const [step, maxPoints] = ["step", "maxPoints"].map((name) => values.get(name));
  if (step !== undefined && maxPoints !== undefined)
    throw new ProblemError(
      "bad_request",
      `step=${step} and maxPoints=${maxPoints} cannot be asked for together: leave one of them out`,
    );
  return {
    metric,
    by: namesOf(values.get("by")),
    group,
    fromMs,
    toMs,
    stepMs: parseStep(step),
    maxPoints: parseLimit(maxPoints, SERIES_POINTS_DEFAULT, SERIES_POINTS_MAX, "maxPoints"),
    values: parseValues(values.get("values")),
    limit: parseLimit(values.get("limit"), SERIES_LIMIT_DEFAULT, SERIES_LIMIT_MAX),
    cursor: parseCursor(values.get("cursor"), isGroup),
  };
}

/** As series are listed by: the values of their labels. */
function isGroup(place: string): boolean {
  try {
    const values: unknown = JSON.parse(place);
    return Array.isArray(values) && values.every((value) => typeof value === "string");
  } catch {
    return false;
  }
}

function parseValues(text: string | undefined): string[] | null {
  const names = namesOf(text);
  if (names === null) return null;
  if (names.length === 0 || names.length > VALUES_MAX)
    throw new ProblemError(
      "bad_request",
      `values=${text} has ${names.length} names; give 1 to ${VALUES_MAX} with commas, or leave it out`,
    );
  return names;
}

function namesOf(text: string | undefined): string[] | null {
  return text === undefined ? null : text.split(",").filter((name) => name !== "");
}

function parseStep(text: string | undefined): number | null {
  if (text === undefined) return null;
  const [, count, unit = "ms"] = STEP.exec(text) ?? [];
  const stepMs = Number(count) * UNIT_MS[unit];
  if (Number.isSafeInteger(stepMs) && stepMs > 0 && stepMs <= TIME_MS_MAX) return stepMs;
  throw new ProblemError("bad_request", `step=${text} is no duration, such as 10s, 1m, 1h, 1d or 60000 (ms)`);
}
