// Times in records, in every unit that a pipeline may name: what is no time of it is none.
import { expect, test } from "vitest";
import { timeInRecord, type TimeMeaning } from "./time-in-record.ts";

const TIME_MS = 1_767_571_200_123;
const utc = (unit: TimeMeaning["unit"]): TimeMeaning => ({ unit, timeZone: null });
const shanghai: TimeMeaning = { unit: "iso", timeZone: "Asia/Shanghai" };

test.each([
  [1_767_571_200, utc("s"), 1_767_571_200_000],
  [TIME_MS, utc("ms"), TIME_MS],
  [1_767_571_200_123_456, utc("us"), TIME_MS],
  ["2026-01-05T00:00:00.123Z", utc("iso"), TIME_MS],
  ["2026-01-05T08:00:00.123+08:00", utc("iso"), TIME_MS],
  ["2026-01-05 00:00:00", utc("iso"), 1_767_571_200_000],
  ["2026-01-05 08:00:00", shanghai, 1_767_571_200_000],
  ["2026-01-05T00:00:00.123Z", shanghai, TIME_MS],
  ["2026-01-05T00:00:00.123Z", utc("ms"), undefined],
  [TIME_MS, utc("iso"), undefined],
  ["2026-13-05T00:00:00Z", utc("iso"), undefined],
  [null, utc("iso"), undefined],
])("%s by %o is %s", (found, meaning, timeMs) => {
  expect(timeInRecord(found, meaning)).toBe(timeMs);
});
