// The rate from one result to the next is a number that can be stored and told, however great the results are.
import { expect, test } from "vitest";
import { plainStanding, TRANSITION } from "./detector.ts";
import { StepRateDetector } from "./step-rate-detector.ts";

const ARRIVAL = { nowMs: 1e9, isRetained: false, isReplayed: false };

test.each([1, -1])("a rate beyond the greatest number is that number, %i times", (side) => {
  const slope = { kind: side > 0 ? "above" : "below", limit: side, clear: side, forAtLeastMs: 0 } as const;
  const detector = new StepRateDetector(
    { kind: "rateOfChange", slope, perMs: 1_000, overMs: 60_000 },
    { raiseLateMsMax: 0, futureMsMax: Infinity },
    plainStanding({ severity: 500 }, side),
  );
  const observe = (timeMs: number, value: number) =>
    detector.observe(0, { timeMs, value, quality: "good" }, ARRIVAL);
  expect(observe(1_000, -side * Number.MAX_VALUE)).toBe(TRANSITION.none);
  expect(observe(2_000, side * Number.MAX_VALUE)).toBe(TRANSITION.raised);
  expect(detector.measure(0)).toBe(side * Number.MAX_VALUE);
});
