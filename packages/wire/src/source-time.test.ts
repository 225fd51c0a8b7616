// A source's time, in every unit, to the nanosecond; what is none is undefined.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseSourceTime, TIME_UNITS } from "./source-time.ts";

test.each([
  [1_700_000_000, "s", 1_700_000_000_000, 0],
  [1_700_000_000.123, "s", 1_700_000_000_123, 0],
  ["1700000000.123456789", "s", 1_700_000_000_123, 456_789],
  [1_700_000_000_123.5, "ms", 1_700_000_000_123, 500_000],
  [1_700_000_000_123_456, "us", 1_700_000_000_123, 456_000],
  ["1700000000123456789", "ns", 1_700_000_000_123, 456_789],
  [-1, "us", -1, 999_000],
  [-1.5, "s", -1500, 0],
  ["2023-11-14T22:13:20.123456Z", "iso", 1_700_000_000_123, 456_000],
  ["2023-11-15T06:13:20+08:00", "iso", 1_700_000_000_000, 0],
  ["2024-02-29T00:00Z", "iso", 1_709_164_800_000, 0],
  ["2016-12-31T23:59:60Z", "iso", 1_483_228_800_000, 0],
  ["2023-11-14T22:13:20", "iso", 1_700_000_000_000, 0],
  ["2023-11-14 22:13:20", "iso", 1_700_000_000_000, 0],
  ["2023-11-14 22:13:20.123456", "iso", 1_700_000_000_123, 456_000],
  ["2023-11-14 22:13:20Z", "iso", 1_700_000_000_000, 0],
  ["2023-11-15 06:13:20+0800", "iso", 1_700_000_000_000, 0],
  ["2024-02-29", "iso", 1_709_164_800_000, 0],
] as const)("time %j in %s", (value, unit, timeMs, subMsNs) => {
  expect(parseSourceTime(value, unit)).toEqual({ timeMs, subMsNs });
});

test.each([
  ["2023-02-29T00:00:00Z", "iso"],
  ["2023-02-29 00:00:00", "iso"],
  ["2023-02-29", "iso"],
  ["2023-13-01 00:00:00", "iso"],
  ["2023-11-14Z", "iso"],
  ["2023-11-14 22", "iso"],
  ["2023-11-14 22:13:20 UTC", "iso"],
  ["2023-11-14T24:00:00Z", "iso"],
  ["yesterday", "iso"],
  [1_700_000_000, "iso"],
  ["0x10", "ms"],
  ["", "ms"],
  [Infinity, "ms"],
  [1e30, "s"],
  [true, "ms"],
] as const)("%j is no time in %s", (value, unit) => {
  expect(parseSourceTime(value, unit)).toBeUndefined();
});

test("never throws", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.constantFrom(...TIME_UNITS),
      (text, unit) => void parseSourceTime(text, unit),
    ),
  );
});
