// Rows that are picked keep everything that belongs to them.
import { expect, test } from "vitest";
import { paneLayout } from "./pane-layout.ts";
import { PaneTable } from "./pane-table.ts";
import { pickRows } from "./pick-rows.ts";
import { readingCount } from "./reading-count.ts";

test("picked rows are those rows, with their series, start, fields and sketches", () => {
  const layout = paneLayout(1_000, ["mean", "distinct"]);
  const table = new PaneTable("t", layout, { rowsMax: 10 });
  for (let row = 0; row < 5; row++)
    for (let count = 0; count <= row; count++) table.add(row % 2, row * 1_000, row);
  const rows = table.take((series) => ({ machine: `m${series}` }));
  const order = Array.from({ length: rows.rowCount }, (_, row) => row);
  expect(pickRows(rows, order)).toEqual(rows);
  const unread = [{ id: 99, bytes: Uint8Array.of(1) }];
  expect(pickRows({ ...rows, unread }, order).unread).toBe(unread);
  expect(pickRows({ ...rows, unread }, [0])).toEqual(pickRows(rows, [0]));
  for (const at of [[], [0], [1, 3], [0, 2, 4]]) {
    const picked = pickRows(rows, at);
    expect(picked.rowCount).toBe(at.length);
    expect(readingCount(picked)).toBe(at.reduce((sum, row) => sum + rows.startMs[row] / 1_000 + 1, 0));
    for (const [to, row] of at.entries()) {
      expect(picked.startMs[to]).toBe(rows.startMs[row]);
      expect(picked.series[picked.seriesIndex[to]]).toEqual(rows.series[rows.seriesIndex[row]]);
      expect(picked.sketches.map((column) => column[to])).toEqual(rows.sketches.map((column) => column[row]));
    }
  }
});
