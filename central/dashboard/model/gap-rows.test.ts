// Labels of lines without data stand one above the other, never on one another, however many the lines are.
import { expect, test } from "vitest";
import { gapRows } from "./gap-rows.ts";

const linesOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    name: `site-${at}`,
    spans: [{ left: 100 - at, right: 150 }],
    spanMin: 40,
  }));

test("each line with gaps has a row of its own while there is room", () => {
  const lines = [...linesOf(2), { name: "complete", spans: [], spanMin: 40 }, ...linesOf(1)];
  expect(gapRows(lines, 3).map(({ names }) => names)).toEqual([["site-0"], ["site-1"], ["site-0"]]);
  expect(gapRows([], 3)).toEqual([]);
});

test("of more lines than there is room for the last row tells how many, in the widest of their gaps", () => {
  const rows = gapRows(linesOf(12), 3);
  expect(rows.map(({ names }) => names.length)).toEqual([1, 1, 10]);
  expect(rows[2]?.spans).toEqual([{ left: 89, right: 150 }]);
});

test("a name that no gap of its line has room for is among the rest, and without any name there is no row", () => {
  const wide = { name: "wide", spans: [{ left: 0, right: 10 }], spanMin: 40 };
  expect(gapRows([wide, ...linesOf(1)], 3).map(({ names }) => names)).toEqual([["site-0"], ["wide"]]);
  expect(gapRows([wide, wide], 3)).toEqual([]);
});
