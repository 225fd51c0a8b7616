// Readings that come together and are called quiet: the last of them does all that each in turn does.
import fc from "fast-check";
import { expect, test } from "vitest";
import { NOTHING } from "./outcome.ts";
import { RuleEngine } from "./rule-engine.ts";
import type { Condition } from "./rule-spec.ts";

const level = (limit: number, severity: number) => ({ limit, severity });
const forAtLeastMs = fc.constantFrom(0, 0, 3_000);
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    kind: fc.constant("above"),
    limit: fc.constant(80),
    clear: fc.constantFrom(75, 80),
    forAtLeastMs,
  }),
  fc.record({
    kind: fc.constant("below"),
    limit: fc.constant(20),
    clear: fc.constantFrom(20, 25),
    forAtLeastMs,
  }),
  fc.record({
    kind: fc.constant("levels"),
    levels: fc.constantFrom(
      { high: level(70, 500), highHigh: level(85, 900) },
      { low: level(20, 500), lowLow: level(10, 900), high: level(80, 500) },
    ),
    hysteresis: fc.constantFrom(0, 5),
    forAtLeastMs,
  }),
  fc.record({ kind: fc.constant("missing"), forMs: fc.constant(2_000), forAtLeastMs }),
  fc.constant({ kind: "stuck", forMs: 1_000, within: 1, forAtLeastMs: 0 } as const),
  fc.constant({
    kind: "rateOfChange",
    slope: { kind: "above", limit: 10, clear: 5, forAtLeastMs: 0 },
    perMs: 1_000,
    overMs: 2_000,
  } as const),
);

/** What lies between the limits, mostly; now and then a silence, a clock that jumps, readings that are late. */
const step = fc.record({
  series: fc.integer({ min: 0, max: 1 }),
  isRetained: fc.boolean(),
  sinceMs: fc.constantFrom(0, 100, 100, 900, 4_000),
  clockMs: fc.constantFrom(0, 0, 0, 20_000, -20_000),
  isTick: fc.boolean(),
  readings: fc.array(
    fc.record({
      agoMs: fc.oneof(fc.integer({ min: -100, max: 0 }), fc.constantFrom(0, 100, -6_000)),
      value: fc.oneof(
        { weight: 20, arbitrary: fc.integer({ min: 30, max: 69 }) },
        fc.constantFrom(5, 15, 20, 80, 90),
      ),
    }),
    { maxLength: 5 },
  ),
  isInOrder: fc.constantFrom(true, true, true, false),
});

test("a quiet run leaves the rules as its readings leave them one by one, and asks for nothing", () => {
  let quietCount = 0;
  const property = fc.property(
    fc.array(condition, { minLength: 1, maxLength: 3 }),
    fc.array(step, { maxLength: 30, size: "max" }),
    (conditions, steps) => {
      const rules = conditions.map((when, index) => ({
        name: `rule-${index}`,
        metric: "temperature",
        when,
        severity: 700,
        message: "",
        action: null,
      }));
      const engineOf = () => new RuleEngine({ rules, actionMaxAgeMs: 5_000, seriesMax: 10 });
      const [byRun, byReading] = [engineOf(), engineOf()];
      let [nowMs, monotonicMs] = [1_000_000, 0];
      for (const { series, isRetained, sinceMs, clockMs, isTick, readings, isInOrder } of steps) {
        nowMs += sinceMs + clockMs;
        monotonicMs += sinceMs;
        const time = { nowMs, monotonicMs, steadyMs: monotonicMs };
        if (isTick) expect(byRun.onTick(time)).toEqual(byReading.onTick(time));
        const own = readings.map(({ agoMs, value }) => ({ timeMs: nowMs - agoMs, value }));
        if (isInOrder) own.sort((a, b) => a.timeMs - b.timeMs);
        const give = (engine: RuleEngine, given: typeof own) =>
          given.flatMap((each) =>
            engine.onReading(
              series,
              { ...each, metric: "temperature", labels: { machine: String(series) }, quality: "good" },
              { nowMs, monotonicMs, arrivedMonotonicMs: monotonicMs, isRetained, isReplayed: false },
            ),
          );
        const isQuiet = byRun.isQuiet(series, "temperature", {
          count: own.length,
          timeMs: Float64Array.from(own, ({ timeMs }) => timeMs),
          value: Float64Array.from(own, ({ value }) => value),
        });
        if (isQuiet && own.length > 1) quietCount += 1;
        const outcomes = give(byReading, own);
        if (isQuiet) expect(outcomes).toEqual([...NOTHING]);
        expect(give(byRun, isQuiet ? own.slice(-1) : own)).toEqual(outcomes);
        expect(byRun.export()).toEqual(byReading.export());
        expect(byRun.counts()).toEqual(byReading.counts());
      }
    },
  );
  fc.assert(property, { numRuns: 500 });
  expect(quietCount).toBeGreaterThan(200);
});
