// Times of records, in each way that sources write them.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { TimeUnit } from "../source-time.ts";
import { wholeSpan } from "./byte-span.ts";
import { RecordFields } from "./record-fields.ts";
import { RecordTime } from "./record-time.ts";
import { ZonedTime } from "./zoned-time.ts";

function timeOf(value: string, unit: TimeUnit, timeZone: string | null = null): number {
  const fields = new RecordFields([["t"]]);
  fields.read(wholeSpan(new TextEncoder().encode(`{"t":${value}}`)));
  return new RecordTime({ unit, timeZone }).read(fields, 0);
}

const NOON = Date.UTC(2023, 9, 11, 12, 0, 1);

test("seconds, milliseconds, microseconds and nanoseconds since 1970, as numbers and as texts", () => {
  for (const [value, unit] of [
    ["1697025601", "s"],
    ["1697025601.0", "s"],
    ["1697025601000", "ms"],
    ["1697025601000123", "us"],
    ["1697025601000123456", "ns"],
  ] as const) {
    expect(timeOf(value, unit)).toBe(NOON);
    expect(timeOf(JSON.stringify(value), unit)).toBe(NOON);
  }
  expect(timeOf("-1", "us")).toBe(-1);
  expect(timeOf("9e99", "ms")).toBeNaN();
  expect(timeOf("true", "ms")).toBeNaN();
});

test("ISO 8601: with a zone of its own, and in the configured one without", () => {
  for (const text of ["2023-10-11T12:00:01Z", "2023-10-11 12:00:01.000Z", "2023-10-11T14:00:01+02:00"]) {
    expect(timeOf(JSON.stringify(text), "iso")).toBe(NOON);
    expect(timeOf(JSON.stringify(text), "iso", "Asia/Shanghai")).toBe(NOON);
  }
  expect(timeOf('"2023-10-11 12:00:01"', "iso")).toBe(NOON);
  expect(timeOf('"2023-10-11 20:00:01"', "iso", "Asia/Shanghai")).toBe(NOON);
  expect(timeOf('"2023-10-11 20:00:01,000"', "iso", "Asia/Shanghai")).toBe(NOON);
  expect(timeOf('"2023-10-11T20:00:01.250"', "iso", "Asia/Shanghai")).toBe(NOON + 250);
  expect(timeOf('"2023-10-11"', "iso", "Asia/Shanghai")).toBe(Date.UTC(2023, 9, 10, 16));
  expect(timeOf('"2023-10-11 24:00:00"', "iso", "Asia/Shanghai")).toBe(Date.UTC(2023, 9, 11, 16));
  for (const wrong of [
    "2023-10-11 24:00:01",
    "2023-02-29 12:00:01",
    "2023-1a-11 12:00:01",
    "2023-10-11 12:00:0",
  ])
    expect(timeOf(JSON.stringify(wrong), "iso", "Asia/Shanghai")).toBeNaN();
});

test("where the clocks skip an hour a local time is as much later, where they repeat one the first is meant", () => {
  const berlin = new ZonedTime("Europe/Berlin");
  const utc = (local: number) => new Date(berlin.toUtcMs(local)).toISOString();
  expect(utc(Date.UTC(2024, 2, 31, 1, 59))).toBe("2024-03-31T00:59:00.000Z");
  expect(utc(Date.UTC(2024, 2, 31, 2, 30))).toBe("2024-03-31T01:30:00.000Z");
  expect(utc(Date.UTC(2024, 2, 31, 3, 0))).toBe("2024-03-31T01:00:00.000Z");
  expect(utc(Date.UTC(2024, 9, 27, 1, 59))).toBe("2024-10-26T23:59:00.000Z");
  expect(utc(Date.UTC(2024, 9, 27, 2, 30))).toBe("2024-10-27T00:30:00.000Z");
  expect(utc(Date.UTC(2024, 9, 27, 3, 0))).toBe("2024-10-27T02:00:00.000Z");
});

test("every time of UTC, written in a zone, is read back, but for the hour that repeats", () => {
  for (const timeZone of ["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]) {
    const zone = new ZonedTime(timeZone);
    const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
    const local = (timeMs: number) => Date.parse(`${format.format(timeMs).replace(" ", "T")}Z`);
    fc.assert(
      fc.property(fc.integer({ min: 1e9, max: 2e9 }), (seconds) => {
        const readMs = zone.toUtcMs(local(seconds * 1_000));
        // Of two with the same local time the first.
        expect(readMs).toBeLessThanOrEqual(seconds * 1_000);
        expect(local(readMs)).toBe(local(seconds * 1_000));
      }),
    );
  }
});
