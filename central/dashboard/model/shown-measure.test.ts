// Which of a metric's values is drawn before anybody has chosen, and after.
import { expect, test } from "vitest";
import { shownMeasure } from "./shown-measure.ts";

const shown = (measures: readonly string[], isOfRecords: boolean, chosen?: string) =>
  shownMeasure(measures, { isOfRecords, chosen });

test("of readings the mean, else what stands for a level", () => {
  expect(shown(["count", "sum", "mean", "p95"], false)).toBe("mean");
  expect(shown(["count", "max"], false)).toBe("max");
  expect(shown(["p50", "p95"], false)).toBe("p50");
  expect(shown([], false)).toBeNull();
});

test("of records the ratio, else how many there are", () => {
  expect(shown(["count", "ratio"], true)).toBe("ratio");
  expect(shown(["count", "sum", "mean", "max"], true)).toBe("count");
  expect(shown(["sum", "mean"], true)).toBe("mean");
});

test("what was chosen, as long as the windows have it", () => {
  expect(shown(["count", "sum", "mean"], true, "sum")).toBe("sum");
  expect(shown(["count", "mean"], true, "sum")).toBe("count");
});
