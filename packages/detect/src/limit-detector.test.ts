// A limit with hysteresis and on-delay follows its plain definition, whatever the order of readings, and across restores.
import fc from "fast-check";
import { expect, test } from "vitest";
import { plainStanding, TRANSITION, type Transition } from "./detector.ts";
import { LimitDetector } from "./limit-detector.ts";
import type { LimitCondition } from "./rule-spec.ts";

interface Sample {
  readonly timeMs: number;
  readonly value: number;
  readonly isGood: boolean;
  /** The agent's clock, which may jump either way. */
  readonly nowMs: number;
}

const BOUNDS = { raiseLateMsMax: 8, futureMsMax: 5 };
const STANDING = plainStanding({ severity: 500 }, 0);

const samples = fc.array(
  fc.record({
    timeMs: fc.integer({ min: 0, max: 60 }),
    value: fc.integer({ min: 0, max: 10 }),
    isGood: fc.boolean(),
    nowMs: fc.oneof(fc.constant(60), fc.integer({ min: 0, max: 60 })),
  }),
  { maxLength: 60 },
);
const conditions: fc.Arbitrary<LimitCondition> = fc.oneof(
  fc.record({
    kind: fc.constant("above" as const),
    limit: fc.integer({ min: 5, max: 8 }),
    clear: fc.integer({ min: 2, max: 5 }),
    forAtLeastMs: fc.integer({ min: 0, max: 20 }),
  }),
  fc.record({
    kind: fc.constant("below" as const),
    limit: fc.integer({ min: 2, max: 5 }),
    clear: fc.integer({ min: 5, max: 8 }),
    forAtLeastMs: fc.integer({ min: 0, max: 20 }),
  }),
);

/** The definition, looking back over everything seen: slow and obvious. */
function oracle(condition: LimitCondition, all: readonly Sample[]): Transition[] {
  const isBroken = ({ value }: Sample): boolean =>
    condition.kind === "above" ? value > condition.limit : value < condition.limit;
  const isNormal = (sample: Sample): boolean =>
    sample.isGood &&
    (condition.limit === condition.clear
      ? !isBroken(sample)
      : condition.kind === "above"
        ? sample.value < condition.clear
        : sample.value > condition.clear);
  const taken: Sample[] = [];
  /** Those whose times are believed: the order of the next reading is judged by them. */
  let dated: Sample[] = [];
  let isRaised = false;
  /** Index into `taken` before which nothing counts towards the on-delay. */
  let since = 0;
  return all.map((sample) => {
    if (dated.some(({ timeMs }) => timeMs > sample.nowMs + BOUNDS.futureMsMax)) dated = [];
    const newestMs = Math.max(...dated.map(({ timeMs }) => timeMs));
    if (newestMs > sample.timeMs) {
      const lateMs = Math.min(newestMs, sample.nowMs) - sample.timeMs;
      if (!isBroken(sample) || lateMs > BOUNDS.raiseLateMsMax) return TRANSITION.late;
      if (isRaised) return TRANSITION.met;
      if (condition.forAtLeastMs > 0) return TRANSITION.late;
      isRaised = true;
      return TRANSITION.raised;
    }
    dated.push(sample);
    taken.push(sample);
    if (isRaised) {
      if (isBroken(sample)) return TRANSITION.met;
      if (!isNormal(sample)) return TRANSITION.none;
      isRaised = false;
      since = taken.length;
      return TRANSITION.cleared;
    }
    if (!isBroken(sample)) {
      if (sample.isGood) since = taken.length;
      return TRANSITION.none;
    }
    const broken = taken.slice(since).filter(isBroken);
    const firstMs = Math.min(...broken.map(({ timeMs }) => timeMs));
    if (sample.timeMs - firstMs < condition.forAtLeastMs) return TRANSITION.none;
    isRaised = true;
    return TRANSITION.raised;
  });
}

function observe(detector: LimitDetector, series: number, sample: Sample): Transition {
  return detector.judge(series, sample.value, sample.timeMs, sample.isGood, sample.nowMs);
}

test("transitions are those of the definition", () => {
  fc.assert(
    fc.property(conditions, samples, (condition, all) => {
      const detector = new LimitDetector(condition, BOUNDS, STANDING);
      const expected = oracle(condition, all);
      expect(all.map((sample) => observe(detector, 3, sample))).toEqual(expected);
      expect(detector.lateCount).toBe(expected.filter((transition) => transition === TRANSITION.late).length);
    }),
  );
});

test("a state restored at any point goes on as if nothing had happened", () => {
  fc.assert(
    fc.property(conditions, samples, fc.nat(60), (condition, all, at) => {
      let detector = new LimitDetector(condition, BOUNDS, STANDING);
      const seen = all.map((sample, index) => {
        if (index === at) {
          const state = detector.state(0);
          detector = new LimitDetector(condition, BOUNDS, STANDING);
          if (state !== null) detector.restore(0, JSON.parse(JSON.stringify(state)));
        }
        return observe(detector, 0, sample);
      });
      expect(seen).toEqual(oracle(condition, all));
    }),
  );
});

test("series do not see one another", () => {
  const detector = new LimitDetector(
    { kind: "above", limit: 80, clear: 75, forAtLeastMs: 0 },
    BOUNDS,
    STANDING,
  );
  expect(detector.judge(0, 90, 1000, true, 1000)).toBe(TRANSITION.raised);
  expect(detector.judge(500, 70, 500, true, 1000)).toBe(TRANSITION.none);
  expect(detector.judge(0, 78, 1001, true, 1000)).toBe(TRANSITION.none);
  expect(detector.judge(0, 75, 1002, true, 1000)).toBe(TRANSITION.none);
  expect(detector.judge(0, 74.9, 1003, true, 1000)).toBe(TRANSITION.cleared);
});

test("a clear limit on the wrong side is refused", () => {
  expect(
    () => new LimitDetector({ kind: "above", limit: 80, clear: 85, forAtLeastMs: 0 }, BOUNDS, STANDING),
  ).toThrow(/wrong side/);
  expect(
    () => new LimitDetector({ kind: "below", limit: 5, clear: 4, forAtLeastMs: 0 }, BOUNDS, STANDING),
  ).toThrow(/wrong side/);
});
