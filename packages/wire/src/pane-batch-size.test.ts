// What is added up of rows is what they take at most, and not much more.
import { type PaneRows, paneLayout, PaneTable } from "@millrace/stream";
import { testFrontier } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PaneBatchSize, rowFieldBytes } from "./pane-batch-size.ts";
import { encodePaneBatch } from "./pane-batch.ts";

const frontier = testFrontier();
const FRONTIER_BYTES = 7;

function sizeOf(sections: readonly PaneRows[]): number {
  const size = new PaneBatchSize();
  for (const rows of sections) {
    const fieldBytes = rowFieldBytes(rows);
    for (let row = 0; row < rows.rowCount; row += 1)
      size.addRow(rows, row, { fieldBytes, isFirst: row === 0 });
  }
  return size.bytes;
}

const value = fc.oneof(
  fc.integer({ min: -10_000, max: 10_000 }).map((cents) => cents / 100),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(2 ** 49, -(2 ** 49), 0.1 + 0.2),
);
const section = fc
  .record({
    metric: fc.string({ unit: "grapheme", maxLength: 8 }),
    accumulate: fc.subarray(["sum", "min", "max", "mean", "quantiles", "distinct", "ratio(2,80)"]),
    machines: fc.array(fc.string({ unit: "grapheme", maxLength: 8 }), { minLength: 1, maxLength: 5 }),
    paneMs: fc.constantFrom(1, 250, 1_000),
    readings: fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 2 ** 45 }), value), {
      minLength: 1,
      maxLength: 40,
    }),
  })
  .map(({ metric, accumulate, machines, paneMs, readings }) => {
    const table = new PaneTable(metric, paneLayout(paneMs, accumulate), { rowsMax: readings.length });
    for (const [series, timeMs, reading] of readings) table.add(series, timeMs, reading);
    return table.take((series) => ({ machine: machines[series % machines.length], "№": `${series}` }));
  });

test("no body is greater, whatever the rows", () => {
  fc.assert(
    fc.property(fc.array(section, { minLength: 1, maxLength: 3 }), (sections) => {
      const bytes = encodePaneBatch({ frontier, sections }).length;
      expect(bytes).toBeLessThanOrEqual(sizeOf(sections) + FRONTIER_BYTES);
    }),
  );
});

test("of what sensors write it is not much more", () => {
  const table = new PaneTable("temperature", paneLayout(10_000, ["count", "sum", "min", "max", "mean"]), {
    rowsMax: 500,
  });
  for (let reading = 0; reading < 5_000; reading += 1)
    table.add(reading % 500, reading, (20_000 + ((reading * 7_919) % 1_000)) / 1_000);
  const rows = table.take((series) => ({
    site: "alpha",
    line: `line-${series % 3}`,
    machine: `m-${series}`,
  }));
  const bytes = encodePaneBatch({ frontier, sections: [rows] }).length;
  expect(sizeOf([rows]) / bytes).toBeLessThan(1.15);
});
