// Stuck: the value does not move for long enough while readings keep coming; silence, late and bad readings prove nothing.
import fc from "fast-check";
import { expect, test } from "vitest";
import { plainStanding, TRANSITION } from "./detector.ts";
import { StuckDetector } from "./stuck-detector.ts";

const FOR_MS = 60;
const BOUNDS = { raiseLateMsMax: 1000, futureMsMax: 5 };
const ARRIVAL = { nowMs: 1e9, isRetained: false, isReplayed: false };

interface Sample {
  readonly timeMs: number;
  readonly value: number;
}

function detectorOf(within = 0, forAtLeastMs = 0): StuckDetector {
  return new StuckDetector(
    { kind: "stuck", forMs: FOR_MS, within, forAtLeastMs },
    BOUNDS,
    plainStanding({ severity: 500 }, within),
  );
}

const inOrder = fc
  .array(
    fc.record({
      stepMs: fc.constantFrom(0, 5, 10, 20, 60, 61, 100),
      value: fc.constantFrom(1, 1, 1, 1, 1, 2, 3),
    }),
    { maxLength: 60 },
  )
  .map((steps) => {
    let timeMs = 0;
    return steps.map(({ stepMs, value }) => ({ timeMs: (timeMs += stepMs), value }));
  });

/** Looking back from each reading over all before it: equal values, without a long silence until long enough. */
function isStuck(all: readonly Sample[], forAtLeastMs: number): boolean {
  const last = all.at(-1);
  const equal = all.slice(all.findLastIndex(({ value }) => value !== last?.value) + 1);
  return equal.some((to, end) => {
    let start = end;
    while (start > 0 && equal[start].timeMs - equal[start - 1].timeMs <= FOR_MS) start -= 1;
    return to.timeMs - equal[start].timeMs >= FOR_MS + forAtLeastMs;
  });
}

test("is raised exactly where all values of so long a time are equal, restored at any point", () => {
  fc.assert(
    fc.property(inOrder, fc.constantFrom(0, 30), fc.nat(60), (all, forAtLeastMs, at) => {
      let detector = detectorOf(0, forAtLeastMs);
      all.forEach(({ timeMs, value }, index) => {
        if (index === at) {
          const state = detector.state(0);
          detector = detectorOf(0, forAtLeastMs);
          if (state !== null) expect(detector.restore(0, JSON.parse(JSON.stringify(state)))).toBe(true);
        }
        const wasRaised = detector.isRaised(0);
        const transition = detector.observe(0, { timeMs, value, quality: "good" }, ARRIVAL);
        expect(detector.isRaised(0)).toBe(isStuck(all.slice(0, index + 1), forAtLeastMs));
        if (wasRaised !== detector.isRaised(0))
          expect(transition).toBe(wasRaised ? TRANSITION.cleared : TRANSITION.raised);
      });
    }),
    { numRuns: 500 },
  );
});

test("a value that stays within the band is stuck; one that creeps out of it is not", () => {
  const noisy = detectorOf(0.5);
  const creeping = detectorOf(0.5);
  for (let timeMs = 0; timeMs <= 300; timeMs += 10) {
    noisy.observe(0, { timeMs, value: 20 + (timeMs % 20 === 0 ? 0.4 : 0), quality: "good" }, ARRIVAL);
    creeping.observe(0, { timeMs, value: timeMs * 0.02, quality: "good" }, ARRIVAL);
    expect(creeping.isRaised(0)).toBe(false);
  }
  expect(noisy.isRaised(0)).toBe(true);
});

test("late and bad readings neither raise nor end it", () => {
  fc.assert(
    fc.property(inOrder, (all) => {
      const plain = detectorOf();
      const disturbed = detectorOf();
      for (const { timeMs, value } of all) {
        const expected = plain.observe(0, { timeMs, value, quality: "good" }, ARRIVAL);
        expect(disturbed.observe(0, { timeMs, value, quality: "good" }, ARRIVAL)).toBe(expected);
        const late = { timeMs: timeMs - 1, value: 99, quality: "good" as const };
        expect(disturbed.observe(0, late, ARRIVAL)).toBe(TRANSITION.late);
        expect(disturbed.observe(0, { timeMs, value: 99, quality: "bad" }, ARRIVAL)).toBe(TRANSITION.none);
      }
    }),
  );
});

test("a clock that ran ahead holds nothing up", () => {
  const detector = detectorOf();
  detector.observe(0, { timeMs: 1e6, value: 1, quality: "good" }, { ...ARRIVAL, nowMs: 1e6 });
  for (let timeMs = 0; timeMs <= FOR_MS; timeMs += 10)
    detector.observe(0, { timeMs, value: 1, quality: "good" }, { ...ARRIVAL, nowMs: timeMs });
  expect(detector.isRaised(0)).toBe(true);
});
