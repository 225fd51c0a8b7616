// What is wrong with the parameters of an accumulator is said where it is wrong, with the way out.
import { expect, test } from "vitest";
import { accumulatorMistake } from "./accumulator-mistake.ts";

const said = (entry: unknown) => {
  const mistake = accumulatorMistake(entry);
  return mistake === undefined ? undefined : `${mistake.at.join(".")}: ${mistake.message}`;
};
const many = Array.from({ length: 65 }, (_, index) => index);

test.each([
  ["histogram", ": histogram needs its bounds: { histogram: [10, 20] }"],
  ["p95", ": there is no accumulator p95; quantiles tells p50, p90, p95 and p99"],
  ["ratio", ": ratio needs its limit: { ratio: { above: 80 } }"],
  [{ histogram: [] }, "histogram: histogram needs a list of 1 to 64 ascending bounds, such as [10, 20]"],
  [{ histogram: 5 }, "histogram: histogram needs a list of 1 to 64 ascending bounds, such as [10, 20]"],
  [{ histogram: many }, "histogram.64: 65 bounds are too many; leave 64, or take quantiles"],
  [
    { histogram: [1, "a"] },
    'histogram.1: "a" is no bound: it must be a finite number (what is above all bounds is counted as le_inf)',
  ],
  [
    { histogram: [Infinity] },
    "histogram.0: Infinity is no bound: it must be a finite number (what is above all bounds is counted as le_inf)",
  ],
  [
    { histogram: [1, 2, 2] },
    "histogram.2: bound 2 stands behind 2: each must be greater than the one before; sort them, each once",
  ],
  [{ ratio: 80 }, "ratio: ratio needs its limit: { below: 80 }, { equal: 80 } or { above: 80 }"],
  [{ ratio: {} }, "ratio: ratio needs its limit: { below: 80 }, { equal: 80 } or { above: 80 }"],
  [
    { ratio: { over: 5 } },
    'ratio.over: ratio knows no "over"; it takes { below: 80 }, { equal: 80 } or { above: 80 }',
  ],
  [
    { ratio: { above: 1, below: 2 } },
    "ratio.below: a ratio has one limit, not above and below; keep one: { below: 80 }, { equal: 80 } or { above: 80 }",
  ],
  [{ ratio: { above: "x" } }, 'ratio.above: "x" is no limit: above must be a finite number'],
  [
    { histogramm: [1] },
    'histogramm: there is no accumulator "histogramm" with parameters; did you mean histogram?',
  ],
  [
    { histogram: [1], ratio: { above: 1 } },
    "ratio: histogram and ratio are two entries of accumulate; give each its own { … }",
  ],
  ["median", undefined],
  [null, undefined],
])("%o", (entry, expected) => {
  expect(said(entry)).toBe(expected);
});
