// Missing: a series that was heard and is silent, by the time that the agent was awake; never one that was never heard.
import fc from "fast-check";
import { expect, test } from "vitest";
import { AwakeClock } from "./awake-clock.ts";
import { plainStanding, TRANSITION } from "./detector.ts";
import { MissingDetector } from "./missing-detector.ts";

const FOR_MS = 30_000;
const READING = { value: 1, timeMs: 0, quality: "bad" as const };
const LIVE = { nowMs: 0, isRetained: false, isReplayed: false };

function detectorOf(): MissingDetector {
  return new MissingDetector(
    { kind: "missing", forMs: FOR_MS, forAtLeastMs: 0 },
    plainStanding({ severity: 500 }, FOR_MS / 1000),
  );
}

test("is raised at the first tick after so long a silence, and ended by whatever reading comes", () => {
  const step = fc.record({
    stepMs: fc.integer({ min: 0, max: 20_000 }),
    series: fc.option(fc.nat(3), { nil: null }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const detector = detectorOf();
      const heardAtMs = new Map<number, number>();
      const missing = new Set<number>();
      let awakeMs = 0;
      for (const { stepMs, series } of steps) {
        awakeMs += stepMs;
        if (series === null) {
          const due = [...heardAtMs].filter(([at, ms]) => awakeMs - ms >= FOR_MS && !missing.has(at));
          const raised = due.map(([at]) => at).toSorted((a, b) => a - b);
          expect(detector.onTick(awakeMs)).toEqual(raised);
          for (const at of raised) missing.add(at);
        } else {
          const expected = missing.delete(series) ? TRANSITION.cleared : TRANSITION.none;
          expect(detector.observe(series, READING, LIVE, awakeMs)).toBe(expected);
          heardAtMs.set(series, awakeMs);
        }
        for (const at of heardAtMs.keys()) expect(detector.isRaised(at)).toBe(missing.has(at));
      }
    }),
    { numRuns: 300 },
  );
});

test("after a restart each known series has its full time again; one that was missing still is", () => {
  const before = detectorOf();
  before.observe(0, READING, LIVE, 0);
  before.observe(1, READING, LIVE, 20_000);
  before.onTick(FOR_MS);
  const detector = detectorOf();
  for (const series of [0, 1, 2]) {
    const state = before.state(series);
    if (state !== null) expect(detector.restore(series, JSON.parse(JSON.stringify(state)), 0)).toBe(true);
  }
  expect([0, 1, 2].map((series) => detector.isRaised(series))).toEqual([true, false, false]);
  expect(detector.isMetByTime(0, FOR_MS - 1)).toBe(false);
  expect(detector.onTick(FOR_MS - 1)).toEqual([]);
  expect(detector.onTick(FOR_MS)).toEqual([1]);
});

test("a stored message is no sign of life; a replayed reading makes its series known, no more", () => {
  const detector = detectorOf();
  detector.observe(0, READING, { ...LIVE, isRetained: true }, 0);
  detector.observe(1, READING, { ...LIVE, isReplayed: true }, 0);
  expect(detector.onTick(FOR_MS)).toEqual([1]);
  detector.observe(1, READING, { ...LIVE, isReplayed: true }, FOR_MS);
  detector.observe(1, READING, { ...LIVE, isRetained: true }, FOR_MS);
  expect(detector.isRaised(1)).toBe(true);
});

test("a retired series is forgotten once it is missing, until it is heard again", () => {
  const detector = detectorOf();
  detector.observe(0, READING, LIVE, 0);
  expect(detector.forget(0)).toBe(false);
  detector.onTick(FOR_MS);
  expect(detector.forget(0)).toBe(true);
  expect(detector.state(0)).toBe(null);
  expect(detector.onTick(10 * FOR_MS)).toEqual([]);
  detector.observe(0, READING, LIVE, 10 * FOR_MS);
  expect(detector.onTick(11 * FOR_MS)).toEqual([0]);
});

test("awake time is monotonic time without the stretches in which nothing ran", () => {
  const clock = new AwakeClock();
  expect(clock.tick(5_000)).toBe(0);
  expect(clock.tick(5_250)).toBe(250);
  expect(clock.tick(605_250)).toBe(1_250);
  expect(clock.tick(605_500)).toBe(1_500);
});
