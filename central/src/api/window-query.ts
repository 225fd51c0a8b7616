import { QUERY_PARAMETERS } from "@millrace/config";
import { parseStateKey, windowKeyRange } from "@millrace/stream";
import type { WindowQuery } from "./central-reader.ts";
import { parseCursor } from "./page-cursor.ts";
import { parseTime } from "./parse-time.ts";
import { ProblemError } from "./problem.ts";

export const WINDOWS_LIMIT_DEFAULT = 1_000;
export const WINDOWS_LIMIT_MAX = 10_000;

/** Reads a windows query; every other parameter is a label that the group must have. */
export function parseWindowQuery(query: unknown, nowMs: number): WindowQuery {
  const values = parseQuery(query);
  const window = values.get("window");
  if (window === undefined)
    throw new ProblemError("bad_request", "window=<name> is needed; /api/v1/pipeline lists them");
  const group = labelsOf(values, "/api/v1/windows");
  const fromMs = parseTime(values.get("from"), "from", nowMs) ?? Number.MIN_SAFE_INTEGER;
  const toMs = parseTime(values.get("to"), "to", nowMs) ?? Number.MAX_SAFE_INTEGER;
  if (toMs < fromMs)
    throw new ProblemError("bad_request", `from ${fromMs} to ${toMs} is no range of time: to is before from`);
  return {
    window,
    group,
    fromMs,
    toMs,
    limit: parseLimit(values.get("limit"), WINDOWS_LIMIT_DEFAULT, WINDOWS_LIMIT_MAX),
    cursor: parseCursor(values.get("cursor"), (place) => isPlaceIn(place, window)),
  };
}

/** The key of one of its results. */
function isPlaceIn(place: string, window: string): boolean {
  const { from, to } = windowKeyRange(window, -Infinity, Infinity);
  return place >= from && place < to && parseStateKey(place) !== null;
}

/** The parameters that are none of the query's own: also one by a name that objects have of theirs is a label like any other. */
export function labelsOf(
  values: ReadonlyMap<string, string>,
  path: keyof typeof QUERY_PARAMETERS,
): Record<string, string> {
  const own: readonly string[] = QUERY_PARAMETERS[path];
  return Object.fromEntries([...values].filter(([name]) => !own.includes(name)));
}

export function parseQuery(query: unknown): Map<string, string> {
  const values = new Map<string, string>();
  if (typeof query !== "object" || query === null) return values;
  for (const [name, value] of Object.entries(query)) {
    if (typeof value !== "string") throw new ProblemError("bad_request", `${name} is given more than once`);
    values.set(name, value);
  }
  return values;
}

export function parseLimit(
  text: string | undefined,
  otherwise: number,
  max: number,
  name: "limit" | "maxPoints" = "limit",
): number {
  if (text === undefined) return otherwise;
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > max) {
    throw new ProblemError("bad_request", `${name}=${text} is not a whole number from 1 to ${max}`);
  }
  return limit;
}

/** Null: not given. */
export function parseFlag(text: string | undefined, name: string): boolean | null {
  if (text === undefined) return null;
  if (text !== "true" && text !== "false")
    throw new ProblemError("bad_request", `${name}=${text} is neither true nor false`);
  return text === "true";
}
