// Windows of so many readings: any readings of several series and agents, of any size, with restarts anywhere, are as the batch
// oracle cuts them.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { MetricSpec, Quality } from "@millrace/stream";
import { batchCountWindows } from "./oracle/batch-count-windows.ts";
import { differenceFrom } from "./oracle/difference.ts";
import { StoredCountWindows } from "./stored-count-windows.ts";

const metrics: MetricSpec[] = [
  {
    name: "t",
    unit: "1",
    accumulate: ["sum", "min", "max", "mean", "first", "last", "ratio(2,0)", "quantiles", "distinct"],
    isLive: true,
  },
  { name: "other", unit: "1", accumulate: ["max"], isLive: true },
];
const reading = fc.record({
  agent: fc.constantFrom("a", "b"),
  metric: fc.constantFrom("t", "t", "other"),
  labels: fc.constantFrom<Record<string, string>[]>({}, { line: "1" }, { line: "2" }),
  timeMs: fc.integer({ min: -100, max: 100 }),
  value: fc.oneof(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.constantFrom(0, -0, 1)),
  quality: fc.constantFrom<Quality>("good", "good", "good", "uncertain", "bad"),
  isAfterRestart: fc.boolean(),
});

test("whatever arrives, the count windows are those of the oracle, and come in the order of their numbers", () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }));
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 80, size: "max" }), sizes, (readings, [size, otherSize]) => {
      const specs = [
        { name: "so many", metric: "t", size },
        { name: "as many", metric: "t", size: otherSize },
        { name: "others", metric: "other", size },
      ];
      const arrived = readings.map((one) => ({ ...one, hasOwnTime: true }));
      const engine = new StoredCountWindows(specs, metrics);
      const full = arrived.flatMap(({ isAfterRestart, agent, ...one }) => {
        if (isAfterRestart) engine.restart();
        return engine.add(agent, one);
      });
      for (const expected of batchCountWindows(arrived, specs, metrics)) {
        const { window, agent, labels, number, firstMs, lastMs } = expected;
        // The next of its series: in the order of their numbers.
        const at = full.findIndex(
          (one) => one.window === window && one.agent === agent && one.labels["line"] === labels["line"],
        );
        expect(full[at]).toMatchObject({ number, firstMs, lastMs });
        expect(differenceFrom(full[at], expected)).toBeUndefined();
        full.splice(at, 1);
      }
      expect(full).toEqual([]);
    }),
  );
});
