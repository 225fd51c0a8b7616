// Whatever metrics and clocks do, each reading is in one table, the same for one reading and for many, and after a restart.
import type { PipelineMetric } from "@millrace/config";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PaneTables } from "./pane-tables.ts";

const metric = (paneMs: number | null, accumulate: readonly string[] = ["count"]): PipelineMetric => ({
  name: "t",
  unit: "",
  source: { kind: "host", sensor: "cpu" },
  accumulate,
  isLive: false,
  paneMs,
});
/** Those of the metric, one after the other; none: it is in no window, or it is gone. */
const KINDS: readonly (readonly PipelineMetric[])[] = [
  [metric(5_000)],
  [metric(2_500)],
  [metric(7_000)],
  [metric(5_000, ["count", "max"])],
  [metric(null)],
  [],
];
const labelsOf = () => ({});
const step = fc.oneof(
  fc.record({ kind: fc.nat(KINDS.length - 1), fromMs: fc.integer({ min: 0, max: 100_000 }) }),
  fc.record({ timesMs: fc.array(fc.integer({ min: 0, max: 120_000 }), { minLength: 1, maxLength: 4 }) }),
);

test("no change loses a reading, and each pane that is open is found again by where it begins", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const tables = PaneTables.of(KINDS[0], 1_000);
      let [taken, handedOver] = [0, 0];
      for (const each of steps) {
        if ("kind" in each) {
          for (const rows of tables.change(KINDS[each.kind], each.fromMs, labelsOf))
            for (let row = 0; row < rows.rowCount; row += 1)
              handedOver += rows.state[row * rows.layout.stride];
        } else {
          const timeMs = Float64Array.from(each.timesMs);
          const all = tables.atAll("t", timeMs, timeMs.length);
          for (const time of timeMs) {
            const table = tables.at("t", time);
            if (all !== "several") expect(table).toBe(all);
            if (table?.add(0, time, 1) === true) taken += 1;
          }
        }
        const open = [...tables.all()].reduce((sum, { readingCount }) => sum + readingCount, 0);
        expect(open + handedOver).toBe(taken);
        const restored = PaneTables.restore(tables.stored(), 1_000);
        const starts = new Set<number>();
        for (const table of tables.all()) {
          const rows = table.take(labelsOf);
          for (const startMs of rows.startMs) {
            expect(restored.at("t", startMs)?.layout.key).toBe(table.layout.key);
            expect(starts.has(startMs)).toBe(false);
            starts.add(startMs);
          }
          table.merge(rows, () => 0);
        }
      }
    }),
    { numRuns: 500 },
  );
});
