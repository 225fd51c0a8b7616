import type { SeriesQuery } from "../history/series-page.ts";
import { ProblemError } from "./problem.ts";
import { parseLimit, parseQuery, parseTime } from "./window-query.ts";

export const SERIES_LIMIT_DEFAULT = 100;
export const SERIES_LIMIT_MAX = 10_000;
export const SERIES_POINTS_DEFAULT = 1_000;
export const SERIES_POINTS_MAX = 100_000;
/** What is told where nothing else is asked for; of these what the metric accumulates. */
const VALUES = ["count", "min", "max", "mean", "sum"];
const VALUES_MAX = 32;
const STEP = /^(\d+)(ms|s|m|h|d)?$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** About thirty thousand years: what a time may be, and a range, so that steps of it can be counted. */
const TIME_MS_MAX = 1e15;
const RESERVED = new Set(["metric", "by", "from", "to", "step", "maxPoints", "values", "limit", "cursor"]);

/** Reads a series query; every other parameter is a label that the group must have. */
export function parseSeriesQuery(query: unknown, nowMs: number): SeriesQuery {
  const values = parseQuery(query);
  const metric = values.get("metric");
  if (metric === undefined)
    throw new ProblemError("bad_request", "metric=<name> is needed; /api/v1/pipeline lists them");
  const group: Record<string, string> = {};
  for (const [name, value] of values) if (!RESERVED.has(name)) group[name] = value;
  const fromMs = parseTime(values.get("from"), "from");
  if (fromMs === null) throw new ProblemError("bad_request", "from=<time> is needed");
  const toMs = parseTime(values.get("to"), "to") ?? nowMs;
  if (Math.max(Math.abs(fromMs), Math.abs(toMs)) > TIME_MS_MAX || toMs <= fromMs)
    throw new ProblemError("bad_request", `from ${fromMs} to ${toMs} is no range of time`);
  return {
    metric,
    by: namesOf(values.get("by")),
    group,
    fromMs,
    toMs,
    stepMs: parseStep(values.get("step")),
    maxPoints: parseLimit(values.get("maxPoints"), SERIES_POINTS_DEFAULT, SERIES_POINTS_MAX),
    values: namesOf(values.get("values"))?.slice(0, VALUES_MAX) ?? VALUES,
    limit: parseLimit(values.get("limit"), SERIES_LIMIT_DEFAULT, SERIES_LIMIT_MAX),
    cursor: cursorOf(values.get("cursor")),
  };
}

/** The group after which a page begins, as `cursorText` writes it. */
function cursorOf(text: string | undefined): string | null {
  return text === undefined ? null : Buffer.from(text, "base64url").toString();
}

export function cursorText(group: string | null): string | null {
  return group === null ? null : Buffer.from(group).toString("base64url");
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
