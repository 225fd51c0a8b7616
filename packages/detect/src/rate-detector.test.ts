// The rate of change is the least-squares slope of a bounded span of event time, whatever the order and number of readings.
import fc from "fast-check";
import { expect, test } from "vitest";
import { plainStanding, TRANSITION } from "./detector.ts";
import { RateDetector } from "./rate-detector.ts";
import { SLOPE_CELLS, SlopeCells } from "./slope-cells.ts";

const OVER_MS = 160;
const CELL_MS = OVER_MS / SLOPE_CELLS;
const BOUNDS = { raiseLateMsMax: 1000, futureMsMax: 5 };
const ARRIVAL = { nowMs: 1e9, isRetained: false, isReplayed: false };

interface Sample {
  readonly timeMs: number;
  readonly value: number;
}

function detectorOf(limit = 2, forAtLeastMs = 0): RateDetector {
  const slope = { kind: "above" as const, limit, clear: limit, forAtLeastMs };
  return new RateDetector(
    { kind: "rateOfChange", slope, perMs: 10, overMs: OVER_MS },
    BOUNDS,
    plainStanding({ severity: 500 }, limit),
  );
}

/** Over a list of all readings: the textbook's formula, in the span's cells. */
function slopeOf(all: readonly Sample[]): number {
  const newestMs = all.at(-1)?.timeMs ?? 0;
  const fromMs = (Math.floor(newestMs / CELL_MS) - SLOPE_CELLS + 1) * CELL_MS;
  const span = all.filter(({ timeMs }) => timeMs >= fromMs);
  if (newestMs - Math.min(...span.map(({ timeMs }) => timeMs)) < OVER_MS / 2) return Number.NaN;
  const mean = (of: (sample: Sample) => number) =>
    span.reduce((sum, sample) => sum + of(sample), 0) / span.length;
  const timeMean = mean(({ timeMs }) => timeMs);
  const valueMean = mean(({ value }) => value);
  const squares = mean(({ timeMs }) => (timeMs - timeMean) ** 2);
  return squares === 0
    ? Number.NaN
    : mean(({ timeMs, value }) => (timeMs - timeMean) * (value - valueMean)) / squares;
}

const sample = fc.record({
  stepMs: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(0, 200, 1000)),
  value: fc.integer({ min: -1000, max: 1000 }),
});
const inOrder = fc
  .record({
    fromMs: fc.integer({ min: -5000, max: 5000 }),
    offset: fc.constantFrom(0, 1e9),
    steps: fc.array(sample, { maxLength: 60 }),
  })
  .map(({ fromMs, offset, steps }) => {
    let timeMs = fromMs;
    return steps.map(({ stepMs, value }) => ({ timeMs: (timeMs += stepMs), value: value + offset }));
  });

test("the slope is that of a plain least-squares fit over the span, with duplicate times and far from zero", () => {
  fc.assert(
    fc.property(inOrder, (all) => {
      const slopes = new SlopeCells(OVER_MS);
      all.forEach(({ timeMs, value }, index) => {
        slopes.add(0, timeMs, value);
        const expected = slopeOf(all.slice(0, index + 1));
        const slope = slopes.slope(0, timeMs);
        if (Number.isNaN(expected)) expect(slope).toBeNaN();
        else expect(Math.abs(slope - expected)).toBeLessThan(1e-4);
      });
    }),
    { numRuns: 300 },
  );
});

test("a steady climb is raised once the readings cover half of the span, and ends when it levels off", () => {
  const detector = detectorOf(2);
  const seen: [number, number][] = [];
  for (let timeMs = 0; timeMs <= 400; timeMs += 10) {
    const value = timeMs <= 200 ? timeMs * 0.3 : 60;
    const transition = detector.observe(0, { timeMs, value, quality: "good" }, ARRIVAL);
    if (transition !== TRANSITION.none && transition !== TRANSITION.met) seen.push([timeMs, transition]);
  }
  expect(seen).toEqual([
    [80, TRANSITION.raised],
    [expect.any(Number), TRANSITION.cleared],
  ]);
  expect(seen[1][0]).toBeLessThan(200 + OVER_MS);
});

test("two readings of the same moment, or a moment apart, are no rate", () => {
  const detector = detectorOf(1);
  for (const [timeMs, value] of [
    [0, 0],
    [0, 1e6],
    [1, 1e9],
  ])
    expect(detector.observe(0, { timeMs, value, quality: "good" }, ARRIVAL)).toBe(TRANSITION.none);
});

test("late and bad readings change nothing, and are not acted on", () => {
  fc.assert(
    fc.property(inOrder, fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 60 }), (all, lateMs) => {
      const plain = detectorOf();
      const disturbed = detectorOf();
      all.forEach(({ timeMs, value }, index) => {
        const expected = plain.observe(0, { timeMs, value, quality: "good" }, ARRIVAL);
        expect(disturbed.observe(0, { timeMs, value, quality: "good" }, ARRIVAL)).toBe(expected);
        const late = { timeMs: timeMs - (lateMs[index] ?? 1), value: 1e9, quality: "good" as const };
        expect(disturbed.observe(0, late, ARRIVAL)).toBe(TRANSITION.late);
        expect(disturbed.observe(0, { timeMs, value: 1e9, quality: "bad" }, ARRIVAL)).toBe(TRANSITION.none);
      });
      expect(disturbed.state(0)).toEqual(plain.state(0));
    }),
    { numRuns: 100 },
  );
});

test("restored at any point it goes on to the bit", () => {
  fc.assert(
    fc.property(inOrder, fc.nat(60), fc.nat(40), (all, at, forAtLeastMs) => {
      const whole = detectorOf(2, forAtLeastMs);
      let broken = detectorOf(2, forAtLeastMs);
      all.forEach(({ timeMs, value }, index) => {
        if (index === at) {
          const state = broken.state(0);
          broken = detectorOf(2, forAtLeastMs);
          if (state !== null) expect(broken.restore(0, JSON.parse(JSON.stringify(state)))).toBe(true);
        }
        const reading = { timeMs, value, quality: "good" as const };
        expect(broken.observe(0, reading, ARRIVAL)).toBe(whole.observe(0, reading, ARRIVAL));
        expect(Object.is(broken.measure(0), whole.measure(0))).toBe(true);
      });
    }),
    { numRuns: 200 },
  );
});

test("after a clock that ran an hour ahead it begins anew", () => {
  const detector = detectorOf(2);
  const hour = 3_600_000;
  detector.observe(0, { timeMs: hour, value: 1e6, quality: "good" }, { ...ARRIVAL, nowMs: hour });
  let raised = 0;
  for (let timeMs = 0; timeMs <= 200; timeMs += 10) {
    const arrival = { ...ARRIVAL, nowMs: timeMs };
    if (detector.observe(0, { timeMs, value: timeMs, quality: "good" }, arrival) === TRANSITION.raised)
      raised += 1;
  }
  expect(raised).toBe(1);
});

test("values beyond what can be multiplied are left out, and junk is no state", () => {
  const detector = detectorOf(2);
  for (let timeMs = 0; timeMs <= 200; timeMs += 10)
    detector.observe(0, { timeMs, value: timeMs % 20 === 0 ? 1e300 : 1, quality: "good" }, ARRIVAL);
  expect(detector.measure(0)).toBe(0);
  for (const state of [
    null,
    {},
    { kind: "stuck" },
    { kind: "rateOfChange", newestMs: 1, cells: [[1]], slope: null },
  ])
    expect(detector.restore(1, state)).toBe(false);
});
