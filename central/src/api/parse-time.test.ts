// Times as a query may tell them: absolute ones, and ones before now.
import { expect, test } from "vitest";
import { parseTime } from "./parse-time.ts";
import { ProblemError } from "./problem.ts";

const NOW_MS = Date.UTC(2026, 0, 2);

test.each([
  [undefined, null],
  ["", null],
  ["0", 0],
  ["-15", -15],
  ["1767312000000", NOW_MS],
  ["2026-01-02T00:00:00Z", NOW_MS],
  ["2026-01-02", NOW_MS],
  ["2026-01-02T08:00:00+08:00", NOW_MS],
  // A bare + of an address is a blank.
  ["2026-01-02T08:00:00 08:00", NOW_MS],
  ["2026-01-02 08:00:00.000 0800", NOW_MS],
  ["now", NOW_MS],
  ["-15m", NOW_MS - 900_000],
  ["now-15m", NOW_MS - 900_000],
  ["-250ms", NOW_MS - 250],
  ["-90s", NOW_MS - 90_000],
  ["-1h", NOW_MS - 3_600_000],
  ["-1.5h", NOW_MS - 5_400_000],
  ["now-7d", NOW_MS - 7 * 86_400_000],
])("%s is %s", (text, expected) => {
  expect(parseTime(text, "from", NOW_MS)).toBe(expected);
});

test.each([
  "noon",
  "15m",
  "now+15m",
  "now-",
  "-",
  "--15m",
  "-15 m",
  "-15w",
  "-1h30m",
  "now-15",
  "Now",
  "2026-01-02T08:00:00 8",
  "-9e99d",
])("%s is none, and the answer says what is one", (text) => {
  expect(() => parseTime(text, "from", NOW_MS)).toThrow(ProblemError);
  expect(() => parseTime(text, "from", NOW_MS)).toThrow(`from=${text} is neither`);
});
