// Coarser panes hold the same readings: any cut into deltas and panes gives the same merge.
import fc from "fast-check";
import { expect, test } from "vitest";
import { coarsenRows } from "./coarsen-rows.ts";
import { paneLayout } from "./pane-layout.ts";
import { PaneTable } from "./pane-table.ts";
import type { PaneRows } from "./pane-rows.ts";
import { readingCount } from "./reading-count.ts";

const ACCUMULATE = ["sum", "min", "max", "first", "last", "distinct"];
const labelsOf = (series: number) => ({ machine: `m${series}` });

function panesOf(paneMs: number, readings: readonly (readonly [number, number, number])[]): PaneRows {
  const table = new PaneTable("t", paneLayout(paneMs, ACCUMULATE), { rowsMax: 10_000 });
  for (const [series, timeMs, value] of readings) table.add(series, timeMs, value);
  return table.take(labelsOf);
}

/** By series and start: the pane's fields, and what its sketches say. */
function contentOf(sections: readonly PaneRows[]): Map<string, unknown> {
  const content = new Map<string, unknown>();
  for (const { layout, rowCount, series, seriesIndex, startMs, state, sketches } of sections) {
    for (let row = 0; row < rowCount; row += 1) {
      const key = `${layout.paneMs} ${series[seriesIndex[row]]["machine"]} ${startMs[row]}`;
      expect(content.has(key)).toBe(false);
      content.set(key, [
        ...state.subarray(row * layout.stride, (row + 1) * layout.stride),
        ...sketches.map((column) => column[row]?.results()),
      ]);
    }
  }
  return content;
}

const READING = fc.tuple(
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: -90_000, max: 90_000 }),
  fc.integer({ min: -50, max: 50 }),
);

test("the same as if the readings had come in coarse panes at once", () => {
  fc.assert(
    fc.property(fc.array(READING, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (readings, parts) => {
      const deltas = Array.from({ length: parts }, (_, part) =>
        panesOf(
          1_000,
          readings.filter((_reading, at) => at % parts === part),
        ),
      ).filter(({ rowCount }) => rowCount > 0);
      const coarse = coarsenRows(deltas, () => 10_000);
      expect(contentOf(coarse)).toEqual(contentOf(readings.length === 0 ? [] : [panesOf(10_000, readings)]));
      const coarser = coarsenRows([...coarse, ...deltas.slice(0, 0)], () => 60_000);
      expect(contentOf(coarser)).toEqual(contentOf(readings.length === 0 ? [] : [panesOf(60_000, readings)]));
    }),
    { numRuns: 50 },
  );
});

test("rows with something of a newer version stay as they are, beside those that are merged", () => {
  const unread = [{ id: 99, bytes: Uint8Array.of(1, 2, 3) }];
  const newer = {
    ...panesOf(1_000, [
      [0, 0, 1],
      [0, 1_000, 2],
    ]),
    unread,
  };
  const rows = coarsenRows(
    [
      newer,
      panesOf(1_000, [
        [0, 2_000, 3],
        [0, 3_000, 4],
      ]),
    ],
    () => 10_000,
  );
  expect(rows[0]).toBe(newer);
  expect(rows.map(({ rowCount }) => rowCount)).toEqual([2, 1]);
  expect(coarsenRows(rows, () => 60_000)[0]).toBe(newer);
});

test("what cannot be merged stays as it is, and nothing is counted less", () => {
  const fine = panesOf(3_000, [[0, 1_000, 1]]);
  const coarse = panesOf(60_000, [[0, 1_000, 1]]);
  const rows = coarsenRows([fine, coarse, panesOf(1_000, [[0, 0, 1]])], () => 10_000);
  expect(rows.map(({ layout }) => layout.paneMs)).toEqual([3_000, 60_000, 10_000]);
  expect(rows.slice(0, 2)).toEqual([fine, coarse]);
  expect(rows.reduce((sum, each) => sum + readingCount(each), 0)).toBe(3);
});
