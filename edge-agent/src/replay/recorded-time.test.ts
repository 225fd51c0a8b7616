// The times that recordings bring: numbers by their size, texts with and without a zone, mosquitto_sub's own way.
import { expect, test } from "vitest";
import { recordedTime } from "./recorded-time.ts";

const AT = Date.parse("2026-01-05T10:00:00.123Z");

test.each([
  [AT, AT],
  [Math.floor(AT / 1000), AT - 123],
  [String(AT), AT],
  [`${AT / 1000}`, AT],
  [`${AT}456`, AT],
  [`${AT}456789`, AT],
  ["2026-01-05T10:00:00.123Z", AT],
  ["2026-01-05 10:00:00.123", AT],
  ["2026-01-05T18:00:00.123456+08:00", AT],
  ["2026-01-05T18:00:00.123456Z+0800", AT],
  ["2026-01-05T05:00:00.123456Z-0500", AT],
  ["2026-01-05", Date.parse("2026-01-05T00:00:00Z")],
  [" 2026-01-05 10:00 ", AT - 123],
])("%j is a time", (value, timeMs) => {
  expect(recordedTime(value)).toBe(timeMs);
});

test.each([
  [""],
  ["soon"],
  ["2026-13-01"],
  ["2026-01-05T25:00:00Z"],
  [Number.NaN],
  [Infinity],
  [{}],
  [null],
  [true],
  ["1e9"],
])("%j is none", (value) => {
  expect(recordedTime(value)).toBeUndefined();
});
