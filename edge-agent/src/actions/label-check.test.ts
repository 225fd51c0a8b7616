// A label that nothing has is named with the way out; a value that nothing has is seen by the count.
import type { Labels } from "@millrace/stream";
import { expect, test } from "vitest";
import { checkLabels } from "./label-check.ts";

const SERIES: readonly Labels[] = [
  { machine: "press4", line: "1" },
  { machine: "press5", line: "1" },
  { sensor: "cpu0", plant: "a" },
];
const KNOWN = { names: ["machine", "line"], series: SERIES };

test("labels that exist are counted by the series that have all of them", () => {
  expect(checkLabels({ line: "1" }, KNOWN)).toEqual({ problem: null, seriesCount: 2 });
  expect(checkLabels({ line: "1", machine: "press4" }, KNOWN)).toEqual({ problem: null, seriesCount: 1 });
  expect(checkLabels({ machine: "pres4" }, KNOWN)).toEqual({ problem: null, seriesCount: 0 });
  expect(checkLabels({ plant: "a" }, KNOWN)).toEqual({ problem: null, seriesCount: 1 });
  expect(checkLabels({}, KNOWN)).toEqual({ problem: null, seriesCount: 3 });
});

test("a label that nothing has is a mistake, with the nearest one", () => {
  expect(checkLabels({ mchine: "press4" }, KNOWN).problem).toBe(
    "no metric has a label mchine; did you mean machine?",
  );
  expect(checkLabels({ robot: "1" }, { names: ["line"], series: [] }).problem).toBe(
    "no metric has a label robot; there are line",
  );
});

test("labels joined by a comma are no value: a maintenance of nothing would let commands go out", () => {
  expect(checkLabels({ machine: "press4,line=1" }, KNOWN).problem).toBe(
    "press4,line=1 would be one value of machine; give each label on its own: --labels machine=press4 --labels line=1",
  );
  expect(checkLabels({ machine: "press4, line=1" }, KNOWN).problem).toContain(" --labels line=1");
  // Whatever else a value has.
  for (const machine of ["press4,5", "press4,x=1", "line=1"])
    expect(checkLabels({ machine }, KNOWN).problem).toBeNull();
});
