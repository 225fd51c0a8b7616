// A run's pace: as the clock, times as fast and never ahead of the clock, or without any wait.
import type { Clock } from "@millrace/runtime";
import { expect, test } from "vitest";
import { defaultStartMs } from "./default-start-ms.ts";
import { PlanTime } from "./plan-time.ts";

const NOON_MS = 1_767_182_400_000;

function clockAt(startMs: number) {
  let passedMs = 0;
  const clock: Clock = {
    nowMs: () => startMs + passedMs,
    monotonicMs: () => passedMs,
    after: () => ({ cancel: () => {} }),
  };
  return { clock, pass: (ms: number) => (passedMs += ms) };
}

test("without a speed the plan's time is the clock's", () => {
  const { clock, pass } = clockAt(NOON_MS);
  const time = new PlanTime({ clock, startMs: NOON_MS - 5_000, speed: null });
  expect([time.nowMs(), time.waitMs(NOON_MS + 40)]).toEqual([NOON_MS, 40]);
  pass(30);
  expect([time.nowMs(), time.waitMs(NOON_MS + 40)]).toEqual([NOON_MS + 30, 10]);
});

test("60 times as fast, from the past: an hour passes in a minute, then the clock's pace holds", () => {
  const { clock, pass } = clockAt(NOON_MS);
  const startMs = NOON_MS - 59 * 60_000;
  const time = new PlanTime({ clock, startMs, speed: 60 });
  pass(1_000);
  expect(time.nowMs()).toBe(startMs + 60_000);
  expect(time.waitMs(startMs + 120_000)).toBe(1_000);
  pass(59_000);
  expect(time.nowMs()).toBe(NOON_MS + 60_000);
  pass(10_000);
  expect(time.nowMs()).toBe(NOON_MS + 70_000);
  expect(time.waitMs(NOON_MS + 75_000)).toBe(5_000);
});

test("a run that begins in the future is ahead of the clock, as asked", () => {
  const { clock, pass } = clockAt(NOON_MS);
  const time = new PlanTime({ clock, startMs: NOON_MS + 1_000, speed: 10 });
  pass(1_000);
  expect(time.nowMs()).toBe(NOON_MS + 11_000);
});

test("as fast as it goes: all of the past is due at once, and nothing of the future", () => {
  const { clock } = clockAt(NOON_MS);
  const time = new PlanTime({ clock, startMs: NOON_MS - 3_600_000, speed: Infinity });
  expect([time.nowMs(), time.waitMs(NOON_MS - 1), time.waitMs(NOON_MS + 7)]).toEqual([NOON_MS, 0, 7]);
});

test("the start that nobody gave: so that the run ends at now", () => {
  expect(defaultStartMs(NOON_MS, null, 60_000)).toBe(NOON_MS);
  expect(defaultStartMs(NOON_MS, 1, null)).toBe(NOON_MS);
  expect(defaultStartMs(NOON_MS, 60, 3_600_000)).toBe(NOON_MS - 59 * 60_000);
  expect(defaultStartMs(NOON_MS, Infinity, 3_600_000)).toBe(NOON_MS - 3_600_000);
  expect(defaultStartMs(NOON_MS, 60, null)).toBeUndefined();
});
