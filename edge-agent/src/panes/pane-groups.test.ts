// Sections are split into bodies of a batch each, and nothing of them is lost by that.
import { paneLayout, type PaneRows, PaneTable } from "@millrace/stream";
import { testFrontier } from "@millrace/testkit";
import { encodePaneBatch } from "@millrace/wire";
import { expect, test } from "vitest";
import { BODY_BYTES_MAX, groupSections } from "./pane-groups.ts";

const frontier = testFrontier();
const bodyBytes = (sections: readonly PaneRows[]) => encodePaneBatch({ frontier, sections }).length;

function rowsOf(rowCount: number) {
  const table = new PaneTable("t", paneLayout(1_000, ["mean"]), { rowsMax: rowCount });
  for (let row = 0; row < rowCount; row += 1) table.add(row % 7, Math.floor(row / 7) * 1_000, row);
  return table.take((series) => ({ machine: `m${series}` }));
}

test("a section that is too great is cut, but for one with something of a newer version, which cannot be", () => {
  const rows = rowsOf(12_000);
  const groups = groupSections([rows]);
  expect(groups.length).toBeGreaterThan(1);
  expect(groups.flat().reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(12_000);
  for (const group of groups) expect(bodyBytes(group)).toBeLessThan(BODY_BYTES_MAX + 100);
  const newer = { ...rows, unread: [{ id: 99, bytes: new Uint8Array(10) }] };
  expect(groupSections([newer])).toEqual([[newer]]);
});

test("what is unread counts for the size of a body", () => {
  const newer = { ...rowsOf(1), unread: [{ id: 99, bytes: new Uint8Array(40_000) }] };
  expect(groupSections([newer, newer])).toEqual([[newer], [newer]]);
});

test("sketches count for the size of a body: central refuses a batch that is greater than the wire allows", () => {
  const table = new PaneTable("t", paneLayout(1_000, ["distinctMany"]), { rowsMax: 60 });
  for (let row = 0; row < 60; row += 1)
    for (let value = 0; value < 2_000; value += 1) table.add(row, 0, value);
  const rows = table.take((series) => ({ machine: `m${series}` }));
  const groups = groupSections([rows]);
  expect(groups.flat().reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(60);
  for (const group of groups) expect(bodyBytes(group)).toBeLessThan(BODY_BYTES_MAX + 100);
});

test("a thousand series with a pane each fit one body", () => {
  const sections = ["a", "b", "c"].map((metric) => {
    const layout = paneLayout(10_000, ["count", "sum", "min", "max", "mean"]);
    const table = new PaneTable(metric, layout, { rowsMax: 333 });
    for (let reading = 0; reading < 3_330; reading += 1)
      table.add(reading % 333, reading, (20_000 + ((reading * 7_919) % 1_000)) / 1_000);
    return table.take((series) => ({ site: "alpha", line: `line-${series % 3}`, machine: `m-${series}` }));
  });
  expect(groupSections(sections)).toEqual([sections]);
});
