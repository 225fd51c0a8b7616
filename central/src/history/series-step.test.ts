// Shows which level answers a query, and with which step.
import { HISTORY_LEVELS, historyLevels } from "@millrace/stream";
import { expect, test } from "vitest";
import { NOTHING_DROPPED } from "./kept-from.ts";
import type { KeptFrom } from "./kept-from.ts";
import { seriesStep } from "./series-step.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const NOW_MS = 1_000 * DAY_MS;

function step(
  stepMs: number | null,
  spanMs: number,
  { maxPoints = 1_000, paneMs = SECOND_MS, kept = {} } = {},
) {
  const asked = { stepMs, maxPoints, fromMs: NOW_MS - spanMs, toMs: NOW_MS };
  const keptFromMs: Record<keyof KeptFrom, number | null> = { ...NOTHING_DROPPED };
  for (const [name, backMs] of Object.entries<number>(kept))
    for (const level of HISTORY_LEVELS) if (level.name === name) keptFromMs[level.name] = NOW_MS - backMs;
  const { stepMs: chosenMs, level } = seriesStep(asked, historyLevels(paneMs), keptFromMs);
  return [chosenMs, level.name];
}

test("as long as asked for, of whole buckets, from the coarsest level that has them", () => {
  expect(step(SECOND_MS, HOUR_MS)).toEqual([SECOND_MS, "1s"]);
  expect(step(30 * SECOND_MS, HOUR_MS)).toEqual([30 * SECOND_MS, "10s"]);
  expect(step(95 * SECOND_MS, HOUR_MS)).toEqual([95 * SECOND_MS, "1s"]);
  expect(step(1, HOUR_MS)).toEqual([SECOND_MS, "1s"]);
  expect(step(1_500, HOUR_MS)).toEqual([2 * SECOND_MS, "1s"]);
  expect(step(7 * DAY_MS, 365 * DAY_MS)).toEqual([7 * DAY_MS, "1d"]);
  expect(step(SECOND_MS, HOUR_MS, { paneMs: 5 * MINUTE_MS })).toEqual([HOUR_MS, "1h"]);
});

test("a level that has not all of the first step does not reach back", () => {
  expect(step(7 * SECOND_MS, HOUR_MS, { kept: { "1s": HOUR_MS } })).toEqual([10 * SECOND_MS, "10s"]);
  expect(step(8 * SECOND_MS, HOUR_MS, { kept: { "1s": HOUR_MS } })).toEqual([8 * SECOND_MS, "1s"]);
});

test("without a step, the shortest handy one with so many points at most", () => {
  expect(step(null, 365 * DAY_MS)).toEqual([12 * HOUR_MS, "1h"]);
  expect(step(null, HOUR_MS, { maxPoints: 100 })).toEqual([MINUTE_MS, "1m"]);
  expect(step(null, 1_000 * 365 * DAY_MS, { maxPoints: 10 })).toEqual([101 * 364 * DAY_MS, "1d"]);
});

test("where the level does not reach back, the next one that does, or the one that reaches furthest", () => {
  const kept = { "1s": HOUR_MS, "10s": DAY_MS, "1m": 10 * DAY_MS };
  expect(step(5 * SECOND_MS, 2 * HOUR_MS, { kept })).toEqual([10 * SECOND_MS, "10s"]);
  expect(step(5 * SECOND_MS, 5 * DAY_MS, { kept })).toEqual([MINUTE_MS, "1m"]);
  expect(step(90 * SECOND_MS, 5 * DAY_MS, { kept })).toEqual([2 * MINUTE_MS, "1m"]);
  const all = { ...kept, "1h": 100 * DAY_MS, "1d": 400 * DAY_MS };
  expect(step(SECOND_MS, 900 * DAY_MS, { kept: all })).toEqual([DAY_MS, "1d"]);
});
