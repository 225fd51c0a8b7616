// Which columns a table of windows has, and what of a window has none of its own.
import { expect, test } from "vitest";
import { otherValues, windowColumns } from "./window-columns.ts";

test("a column is there where any window has its value, that of the count always", () => {
  const orders = { values: { count: 3, sum: 60, mean: 20, max: 30 } };
  const payments = { values: { count: 3, ratio: 0.1 } };
  expect(windowColumns([orders])).toEqual({ measures: ["count", "sum", "mean", "max"], hasOthers: false });
  expect(windowColumns([payments])).toEqual({ measures: ["count"], hasOthers: true });
  expect(windowColumns([payments, orders])).toEqual({
    measures: ["count", "sum", "mean", "max"],
    hasOthers: true,
  });
  expect(windowColumns([{ values: {} }])).toEqual({ measures: ["count"], hasOthers: false });
});

test("what has no column stands in the order of the charts, buckets behind, and no errors of other values", () => {
  const values = { le_10: 1, le_20: 2, le_inf: 3, p99: 9, count: 3, distinct: 5, distinctError: 0.1, p50: 4 };
  expect(otherValues(values)).toEqual([
    ["p50", 4],
    ["p99", 9],
    ["distinct", 5],
    ["le_10", 1],
    ["le_20", 2],
  ]);
});
