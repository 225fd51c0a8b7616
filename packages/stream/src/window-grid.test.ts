// Where windows lie whatever the data: at every offset and slide, and on days of all kinds of time zones.
import fc from "fast-check";
import { expect, test } from "vitest";
import { DayGrid } from "./day-grid.ts";
import { paneMsOf } from "./pane-size.ts";
import { windowGrid } from "./window-grid.ts";
import { windowProblem } from "./window-problem.ts";
import type { AlignedWindowSpec, WindowSpec } from "./window-spec.ts";

const HOUR_MS = 3_600_000;
const base = { name: "w", metric: "t", by: [], latenessMs: 0 };
const aligned = (sizeMs: number, slideMs: number, offsetMs = 0): AlignedWindowSpec => ({
  ...base,
  kind: "aligned",
  sizeMs,
  slideMs,
  offsetMs,
});
const session = (gapMs: number, lengthMsMax = 10 * gapMs): WindowSpec => ({
  ...base,
  kind: "session",
  gapMs,
  lengthMsMax,
});

test("exactly the aligned windows that contain the time, and the first that ends after it", () => {
  expect(windowGrid(aligned(60_000, 60_000)).startsAt(65_000)).toEqual([60_000]);
  expect(windowGrid(aligned(25, 10)).startsAt(-1)).toEqual([-10, -20]);
  expect(windowGrid(aligned(60_000, 60_000, 15_000)).startsAt(14_999)).toEqual([-45_000]);
  const lengths = fc
    .record({ sizeMs: fc.integer({ min: 1, max: 60 }), slideMs: fc.integer({ min: 1, max: 60 }) })
    .filter(({ sizeMs, slideMs }) => slideMs <= sizeMs);
  fc.assert(
    fc.property(
      fc.integer({ min: -500, max: 500 }),
      lengths,
      fc.nat(),
      (timeMs, { sizeMs, slideMs }, nat) => {
        const offsetMs = nat % slideMs;
        const grid = windowGrid(aligned(sizeMs, slideMs, offsetMs));
        const all: number[] = [];
        for (let startMs = offsetMs - 600 * slideMs; startMs <= 600; startMs += slideMs) all.push(startMs);
        const containing = all.filter((startMs) => startMs <= timeMs && timeMs < startMs + sizeMs);
        expect(grid.startsAt(timeMs)).toEqual(containing.reverse().map((startMs) => startMs + 0));
        expect(grid.firstEndingAfter(timeMs)).toBe(all.find((startMs) => startMs + sizeMs > timeMs));
        for (const startMs of grid.startsAt(timeMs)) expect(grid.endOf(startMs)).toBe(startMs + sizeMs);
      },
    ),
  );
});

const hoursOf = (timeZone: string, at: string) => {
  const grid = new DayGrid(timeZone);
  const [startMs] = grid.startsAt(Date.parse(at));
  return [new Date(startMs).toISOString(), (grid.endOf(startMs) - startMs) / HOUR_MS];
};

test.each([
  ["Europe/Berlin", "2024-03-31T12:00Z", "2024-03-30T23:00:00.000Z", 23],
  ["Europe/Berlin", "2024-10-27T12:00Z", "2024-10-26T22:00:00.000Z", 25],
  ["America/New_York", "2024-03-10T12:00Z", "2024-03-10T05:00:00.000Z", 23],
  ["Asia/Kathmandu", "2024-05-05T12:00Z", "2024-05-04T18:15:00.000Z", 24],
  ["Asia/Kolkata", "2024-05-05T12:00Z", "2024-05-04T18:30:00.000Z", 24],
  ["Australia/Lord_Howe", "2024-04-07T00:00Z", "2024-04-06T13:00:00.000Z", 24.5],
  ["Pacific/Chatham", "2024-04-07T00:00Z", "2024-04-06T10:15:00.000Z", 25],
  // No midnight: the clocks went from 00:00 to 01:00.
  ["America/Sao_Paulo", "2018-11-04T12:00Z", "2018-11-04T03:00:00.000Z", 23],
  ["America/Sao_Paulo", "2018-02-17T12:00Z", "2018-02-17T02:00:00.000Z", 25],
  ["Asia/Beirut", "2022-03-27T12:00Z", "2022-03-26T22:00:00.000Z", 23],
  ["Asia/Beirut", "2022-10-29T12:00Z", "2022-10-28T21:00:00.000Z", 25],
  // Midnight twice: the clocks went from 00:01 back to 23:01.
  ["America/St_Johns", "2006-10-29T12:00Z", "2006-10-29T02:30:00.000Z", 25],
  // The 30th was left out.
  ["Pacific/Apia", "2011-12-30T09:59Z", "2011-12-29T10:00:00.000Z", 24],
  ["Pacific/Apia", "2011-12-30T10:00Z", "2011-12-30T10:00:00.000Z", 24],
])("the day of %s that contains %s begins at %s and has %d hours", (timeZone, at, startsAt, hours) => {
  expect(hoursOf(timeZone, at)).toEqual([startsAt, hours]);
});

test("times that no calendar has do no harm", () => {
  const grid = new DayGrid("Europe/Berlin");
  expect(grid.firstEndingAfter(-Infinity)).toBe(-Infinity);
  expect(grid.firstEndingAfter(1e16)).toBe(1e16);
  for (const timeMs of [-(2 ** 51), -62_200_000_000_000, 2 ** 51 - 1]) {
    const [startMs] = grid.startsAt(timeMs);
    expect(startMs).toBeLessThanOrEqual(timeMs);
    expect(grid.endOf(startMs)).toBeGreaterThan(timeMs);
  }
});

test("panes are as long as every boundary and gap allows", () => {
  const paneMs = (...windows: WindowSpec[]) => {
    const size = paneMsOf(windows);
    return size.isPossible ? size.paneMs : null;
  };
  const day: WindowSpec = { ...base, kind: "day", timeZone: "Asia/Kathmandu" };
  expect(paneMs(aligned(60_000, 10_000), aligned(25_000, 25_000))).toBe(5_000);
  expect(paneMs(aligned(60_000, 60_000, 15_000))).toBe(15_000);
  expect(paneMs(day)).toBe(900_000);
  expect(paneMs(day, aligned(3_600_000, 600_000))).toBe(300_000);
  expect(paneMs(session(30_000, 86_400_000))).toBe(30_000);
  expect(paneMs(session(700), aligned(1_000, 1_000))).toBe(100);
  expect(paneMs(session(750), aligned(1_000, 1_000))).toBe(250);
  expect(paneMs(aligned(1_000, 999))).toBeNull();
  expect(paneMs()).toBeNull();
});

test("a window that makes no sense says why", () => {
  expect(windowProblem(aligned(1_000.5, 1_000))).toContain("size 1000.5 ms");
  expect(windowProblem(aligned(1_000, 0))).toContain("slide 0 ms");
  expect(windowProblem(aligned(1_000, 2_000))).toContain("slide 2000 ms must be at most the size");
  expect(windowProblem(aligned(1_000, 500, 500))).toContain("offset 500 ms");
  expect(windowProblem(aligned(1_000, 500, -1))).toContain("offset -1 ms");
  expect(windowProblem({ ...aligned(1_000, 500), latenessMs: -1 })).toContain("lateness -1 ms");
  expect(windowProblem({ ...aligned(1_000, 500), by: ["a", "a"] })).toContain("twice");
  expect(windowProblem({ ...base, kind: "day", timeZone: "Europe/Brelin" })).toContain("Europe/Brelin");
  expect(windowProblem({ ...base, kind: "day", timeZone: "+02:00" })).toContain("+02:00");
  expect(windowProblem(session(99))).toContain("gap 99 ms");
  expect(windowProblem(session(100, 199))).toContain("greatest length 199 ms");
  expect(windowProblem(session(100, 20_000_000))).toContain("greatest length 20000000 ms");
  for (const sound of [
    aligned(1_000, 300, 299),
    session(100),
    { ...base, kind: "day" as const, timeZone: "UTC" },
  ])
    expect(windowProblem(sound)).toBeNull();
});
