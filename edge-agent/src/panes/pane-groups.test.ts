// Sections are split into bodies of a batch each, and nothing of them is lost by that.
import { paneLayout, PaneTable } from "@millrace/stream";
import { expect, test } from "vitest";
import { groupSections } from "./pane-groups.ts";

function rowsOf(rowCount: number) {
  const table = new PaneTable("t", paneLayout(1_000, ["mean"]), { rowsMax: rowCount });
  for (let row = 0; row < rowCount; row += 1) table.add(row % 7, Math.floor(row / 7) * 1_000, row);
  return table.take((series) => ({ machine: `m${series}` }));
}

test("a section that is too great is cut, but for one with something of a newer version, which cannot be", () => {
  const rows = rowsOf(3_000);
  const cut = groupSections([rows]).flat();
  expect(cut.length).toBeGreaterThan(1);
  expect(cut.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(3_000);
  const newer = { ...rows, unread: [{ id: 99, bytes: new Uint8Array(10) }] };
  expect(groupSections([newer])).toEqual([[newer]]);
});

test("what is unread counts for the size of a body", () => {
  const newer = { ...rowsOf(1), unread: [{ id: 99, bytes: new Uint8Array(40_000) }] };
  expect(groupSections([newer, newer])).toEqual([[newer], [newer]]);
});
