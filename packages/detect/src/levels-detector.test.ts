// Levels follow their plain definition: the worst limit that is broken, each left by its own hysteresis, across restores.
import fc from "fast-check";
import { expect, test } from "vitest";
import { LEVEL_NAMES, type LevelName, TRANSITION, type Transition } from "./detector.ts";
import { LevelsDetector } from "./levels-detector.ts";
import type { LevelsCondition } from "./rule-spec.ts";

interface Sample {
  readonly value: number;
  readonly timeMs: number;
  readonly quality: "good" | "bad";
}

const BOUNDS = { raiseLateMsMax: 8, futureMsMax: 5 };
const LIMITS = { lowLow: 2, low: 5, high: 15, highHigh: 18 };
const ARRIVAL = { nowMs: 100, isRetained: false, isReplayed: false };

const conditions: fc.Arbitrary<LevelsCondition> = fc.record({
  kind: fc.constant("levels" as const),
  levels: fc
    .subarray([...LEVEL_NAMES], { minLength: 1 })
    .map((names) =>
      Object.fromEntries(names.map((name, i) => [name, { limit: LIMITS[name], severity: 100 + i }])),
    ),
  hysteresis: fc.integer({ min: 0, max: 2 }),
  forAtLeastMs: fc.constantFrom(0, 0, 6),
});
const samples: fc.Arbitrary<Sample[]> = fc.array(
  fc.record({
    value: fc.integer({ min: 0, max: 20 }),
    timeMs: fc.integer({ min: 0, max: 60 }),
    quality: fc.constantFrom("good" as const, "good" as const, "good" as const, "bad" as const),
  }),
  { maxLength: 60 },
);

/** Each level looks back over all it has taken; the worst that is raised is the level. */
function oracle(condition: LevelsCondition, all: readonly Sample[]): (LevelName | null)[] {
  const own = LEVEL_NAMES.filter((name) => condition.levels[name] !== undefined);
  const raisedSince = new Map<LevelName, boolean>();
  const brokenSinceMs = new Map<LevelName, number>();
  let newestMs = -Infinity;
  return all.map(({ value, timeMs, quality }) => {
    const isLate = timeMs < newestMs;
    for (const name of own) {
      const isHigh = name.startsWith("high");
      const beyond = isHigh ? value - LIMITS[name] : LIMITS[name] - value;
      const isBroken = beyond > 0;
      const isNormal = condition.hysteresis === 0 ? !isBroken : beyond < -condition.hysteresis;
      if (isLate) {
        if (isBroken && condition.forAtLeastMs === 0 && newestMs - timeMs <= BOUNDS.raiseLateMsMax)
          raisedSince.set(name, true);
        continue;
      }
      if (raisedSince.get(name) === true) {
        if (isNormal && quality === "good") raisedSince.delete(name);
        if (!raisedSince.has(name)) brokenSinceMs.delete(name);
        continue;
      }
      if (!isBroken) {
        if (quality === "good") brokenSinceMs.delete(name);
        continue;
      }
      if (!brokenSinceMs.has(name)) brokenSinceMs.set(name, timeMs);
      if (timeMs - (brokenSinceMs.get(name) ?? 0) >= condition.forAtLeastMs) raisedSince.set(name, true);
    }
    newestMs = Math.max(newestMs, timeMs);
    return own.find((name) => raisedSince.get(name) === true) ?? null;
  });
}

test("the level is the worst that is broken, as the definition has it, restored at any point", () => {
  fc.assert(
    fc.property(conditions, samples, fc.nat(60), (condition, all, at) => {
      let detector = new LevelsDetector(condition, BOUNDS, null);
      const expected = oracle(condition, all);
      all.forEach((sample, index) => {
        if (index === at) {
          const state = JSON.parse(JSON.stringify(detector.state(0)));
          detector = new LevelsDetector(condition, BOUNDS, null);
          if (state !== null) expect(detector.restore(0, state)).toBe(true);
        }
        const before = index === 0 ? null : expected[index - 1];
        const transition = detector.observe(0, sample, ARRIVAL);
        const after = detector.isRaised(0) ? detector.standing(0).level : null;
        expect(after).toBe(expected[index]);
        const changed: Transition =
          before === null ? TRANSITION.raised : after === null ? TRANSITION.cleared : TRANSITION.moved;
        if (before === after)
          expect([TRANSITION.none, TRANSITION.met, TRANSITION.late]).toContain(transition);
        else expect(transition).toBe(changed);
      });
    }),
    { numRuns: 500 },
  );
});

const BOILER: LevelsCondition = {
  kind: "levels",
  levels: { high: { limit: 80, severity: 500 }, highHigh: { limit: 95, severity: 900 } },
  hysteresis: 2,
  forAtLeastMs: 0,
};

test("a level is left where the value is the hysteresis inside its limit, for the next one", () => {
  const detector = new LevelsDetector(BOILER, BOUNDS, null);
  const levels = [81, 96, 94, 92.9, 96, 78.5, 77].map((value, timeMs) => {
    detector.observe(0, { value, timeMs, quality: "good" }, ARRIVAL);
    return detector.isRaised(0) ? detector.standing(0).level : null;
  });
  expect(levels).toEqual(["high", "highHigh", "highHigh", "high", "highHigh", "high", null]);
});

test("a reading is for the action where it breaks a limit of its levels, or beyond them, that is raised", () => {
  const detector = new LevelsDetector(BOILER, BOUNDS, ["highHigh"]);
  detector.observe(0, { value: 96, timeMs: 0, quality: "good" }, ARRIVAL);
  expect(detector.isActingOn(0, 96)).toBe(true);
  expect(detector.isActingOn(0, 94)).toBe(false);
  const outward = new LevelsDetector(BOILER, BOUNDS, ["high"]);
  outward.observe(0, { value: 96, timeMs: 0, quality: "good" }, ARRIVAL);
  expect(outward.standing(0)).toMatchObject({ level: "highHigh", isActing: true });
  const delayed = new LevelsDetector({ ...BOILER, forAtLeastMs: 10 }, BOUNDS, ["highHigh"]);
  for (const [value, timeMs] of [
    [81, 0],
    [96, 10],
  ])
    delayed.observe(0, { value, timeMs, quality: "good" }, ARRIVAL);
  expect(delayed.isActingOn(0, 96)).toBe(false);
});

test("the state of another condition is not taken", () => {
  const detector = new LevelsDetector(BOILER, BOUNDS, null);
  for (const state of [null, 7, "x", [], {}, { kind: "stuck" }, { kind: "levels", levels: 3 }])
    expect(detector.restore(0, state)).toBe(false);
  expect(detector.restore(0, { kind: "levels", levels: { high: { newestMs: "x" }, low: 4 } })).toBe(true);
  expect(detector.isRaised(0)).toBe(false);
});
