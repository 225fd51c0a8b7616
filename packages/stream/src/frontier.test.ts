// What a frontier says of a window, how ranges are merged, and which of many frontiers counts.
import { testFrontier } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FrontierTracker, FRONTIERS_WAITING_MAX } from "./frontier-tracker.ts";
import { compareFrontiers, hasPassed } from "./frontier.ts";
import type { Frontier } from "./frontier.ts";
import { mergeRanges } from "./merge-ranges.ts";

const frontier = (number: number, fields: Partial<Frontier> = {}) =>
  testFrontier({ number, watermarkMs: number * 1_000, ...fields });
const marks = (live: number, backfill = 0) => ({ alarm: 0, live, backfill });

test("a window is passed when the watermark is beyond its end and nothing of it is pending", () => {
  const pending = [{ startMs: 100, endMs: 200 }];
  expect(hasPassed({ watermarkMs: null, pending: [] }, 0, 100)).toBe(false);
  expect(hasPassed({ watermarkMs: 99, pending: [] }, 0, 100)).toBe(false);
  expect(hasPassed({ watermarkMs: 100, pending: [] }, 0, 100)).toBe(true);
  expect(hasPassed({ watermarkMs: 900, pending }, 0, 100)).toBe(true);
  expect(hasPassed({ watermarkMs: 900, pending }, 0, 101)).toBe(false);
  expect(hasPassed({ watermarkMs: 900, pending }, 199, 300)).toBe(false);
  expect(hasPassed({ watermarkMs: 900, pending }, 200, 300)).toBe(true);
});

test("a greater epoch goes before a greater number", () => {
  expect(compareFrontiers({ epoch: 2, number: 1 }, { epoch: 1, number: 9 })).toBeGreaterThan(0);
  expect(compareFrontiers({ epoch: 1, number: 1 }, { epoch: 1, number: 9 })).toBeLessThan(0);
});

test("merged ranges cover all of the time given, in few, disjoint, ascending ranges", () => {
  const range = fc
    .record({ startMs: fc.integer({ min: 0, max: 300 }), lengthMs: fc.integer({ min: 1, max: 20 }) })
    .map(({ startMs, lengthMs }) => ({ startMs, endMs: startMs + lengthMs }));
  fc.assert(
    fc.property(fc.array(range), fc.integer({ min: 1, max: 6 }), (ranges, max) => {
      const merged = mergeRanges(ranges, max);
      expect(merged.length).toBeLessThanOrEqual(max);
      for (const [index, one] of merged.entries())
        if (index > 0) expect(one.startMs).toBeGreaterThan(merged[index - 1].endMs);
      const holds = (all: readonly { startMs: number; endMs: number }[], ms: number) =>
        all.some((one) => one.startMs <= ms && ms < one.endMs);
      const exact = mergeRanges(ranges, 1_000);
      for (let ms = 0; ms < 330; ms++) {
        expect(holds(exact, ms)).toBe(holds(ranges, ms));
        if (holds(ranges, ms)) expect(holds(merged, ms)).toBe(true);
      }
    }),
  );
});

test("nearest neighbours are merged first", () => {
  const ranges = [
    { startMs: 0, endMs: 10 },
    { startMs: 50, endMs: 60 },
    { startMs: 65, endMs: 70 },
    { startMs: 90, endMs: 99 },
  ];
  expect(mergeRanges(ranges, 3)).toEqual([
    { startMs: 0, endMs: 10 },
    { startMs: 50, endMs: 70 },
    { startMs: 90, endMs: 99 },
  ]);
  expect(mergeRanges(ranges, 1)).toEqual([{ startMs: 0, endMs: 99 }]);
});

test("a frontier counts once the sequences it names are held, and never gives way to an older one", () => {
  const tracker = new FrontierTracker();
  expect(tracker.offer(frontier(2, { holds: marks(5) }), marks(4))).toBe(false);
  expect(tracker.offer(frontier(1), marks(4))).toBe(true);
  expect(tracker.current?.number).toBe(1);
  expect(tracker.advance(marks(5))).toBe(true);
  expect(tracker.current?.number).toBe(2);
  expect(tracker.offer(frontier(1), marks(5))).toBe(false);
  expect(tracker.current?.number).toBe(2);
});

test("when too many wait, the oldest and the newest stay: the frontier still moves on, and ends right", () => {
  const tracker = new FrontierTracker();
  for (let number = 1; number <= 100; number++)
    tracker.offer(frontier(number, { holds: marks(number) }), marks(0));
  const restored = new FrontierTracker(JSON.parse(JSON.stringify(tracker.export())));
  expect(restored.export().waiting).toHaveLength(FRONTIERS_WAITING_MAX);
  expect(tracker.droppedCount).toBe(100 - FRONTIERS_WAITING_MAX);
  restored.advance(marks(3));
  expect(restored.current?.number).toBe(3);
  restored.advance(marks(100));
  expect(restored.current?.number).toBe(100);
});
