import { parseDuration } from "@millrace/runtime";
import { parseSourceTime } from "@millrace/wire";
import { ProblemError } from "./problem.ts";

/**
 * A time of a query: milliseconds since 1970, ISO 8601, `now`, or so long before it as `-15m` or `now-15m` say. Null: not given.
 * `nowMs`: central's clock, the same for all times of one query.
 */
export function parseTime(text: string | undefined, name: string, nowMs: number): number | null {
  if (text === undefined || text === "") return null;
  const timeMs = timeOf(text, nowMs);
  if (timeMs !== undefined && Number.isSafeInteger(timeMs)) return timeMs;
  throw new ProblemError(
    "bad_request",
    `${name}=${text} is neither milliseconds since 1970 nor an ISO 8601 time, nor one before now such as -15m`,
  );
}

function timeOf(text: string, nowMs: number): number | undefined {
  if (/^-?\d+$/.test(text)) return Number(text);
  if (text === "now") return nowMs;
  const [, before = ""] = /^(?:now)?-(\S+)$/.exec(text) ?? [];
  const beforeMs = parseDuration(before);
  if (beforeMs !== undefined) return nowMs - beforeMs;
  // `Date.parse` would make a time of nearly any text with a number, and of those without a zone one of this machine's.
  // A `+` that stands in an address as it is comes as a blank.
  return parseSourceTime(text.replace(/(:\S+) (\d\d:?\d\d)$/, "$1+$2"), "iso")?.timeMs;
}
