/** Values of windows by the names of their results, in the order in which they are offered. A newer central may have more. */
export const MEASURES = [
  "count",
  "sum",
  "ratio",
  "mean",
  "p50",
  "p90",
  "p95",
  "p99",
  "min",
  "max",
  "range",
  "stddev",
  "first",
  "last",
  "timeMean",
  "increase",
  "rate",
  "distance",
  "distinct",
  "topCount",
] as const;
export type Measure = (typeof MEASURES)[number];
/** What it is called depends on the language; a quantile is p95 in all. */
export type WordedMeasure = Exclude<Measure, `p${number}`>;

const COUNTED = new Set(["count", "distinct", "topCount"]);
const LEVELS = new Set(["mean", "min", "max", "first", "last", "timeMean"]);
const DIFFERENCES = new Set(["sum", "range", "stddev", "increase", "distance"]);
const QUANTILE = /^p\d+$/;
const TOTALS = new Set(["count", "sum", "increase", "distance", "distinct", "topCount"]);
/** They say how good other values are. */
const ERRORS = new Set(["distinctError", "topErrorMax", "inexact"]);
const BUCKET = /^le_/;

export function isWorded(name: string): name is WordedMeasure {
  return !QUANTILE.test(name) && MEASURES.some((measure) => measure === name);
}

/** Of a histogram. */
export function isBucket(name: string): boolean {
  return BUCKET.test(name);
}

/** Whether a curve of it says something: not the buckets of a histogram, nor how good another value is. */
export function isDrawn(name: string): boolean {
  return !ERRORS.has(name) && !isBucket(name);
}

/** Whether it is read as readings are: limits of readings are limits of it. */
export function isLevel(name: string): boolean {
  return LEVELS.has(name) || QUANTILE.test(name);
}

/** Whether it counts something: whole, without a unit. */
export function isCounted(name: string): boolean {
  return COUNTED.has(name) || isBucket(name);
}

/** Whether it grows for as long as its window is open: before the window's end it is a part of what it will be. */
export function isTotal(name: string): boolean {
  return TOTALS.has(name);
}

/** What stands behind its values, by the unit of the metric; "" for plain numbers. */
export function measureUnit(name: string, unit: string): string {
  if (name === "rate") return `${unit === "" ? "1" : unit}/s`;
  return isLevel(name) || DIFFERENCES.has(name) ? unit : "";
}

export function compareMeasures(a: string, b: string): number {
  return rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
}

function rank(name: string): number {
  const at = MEASURES.findIndex((measure) => measure === name);
  return at < 0 ? MEASURES.length : at;
}
