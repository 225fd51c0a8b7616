import type { WindowResult } from "@millrace/stream";
import type { BatchWindow, summary } from "./batch-windows.ts";

/** What the oracle does not compute: the cases alone say what it is. */
const NOT_COMPUTED = new Set(["rate", "inexact", "timeMean", "topErrorMax", "distinctError"]);

/** Whether the oracle computes the result of this name. */
export function isComputed(name: string): boolean {
  return !NOT_COMPUTED.has(name);
}

/** In what a result and the oracle's window differ, within the stated tolerances; undefined when in nothing. */
export function differenceFrom(
  actual: Pick<WindowResult, "values"> & { readonly beside: BatchWindow["beside"] },
  expected: ReturnType<typeof summary>,
): string | undefined {
  const names = new Set([...Object.keys(actual.values), ...Object.keys(expected.values)]);
  for (const name of names) {
    if (!isComputed(name)) continue;
    const is = actual.values[name];
    const was = expected.values[name];
    if (is === undefined || was === undefined || !isNear(name, is, expected))
      return `${name} is ${is ?? "absent"}, the oracle has ${was ?? "none"}`;
  }
  for (const kind of ["uncertain", "bad"] as const) {
    if (actual.beside[kind] !== expected.beside[kind])
      return `${actual.beside[kind]} ${kind} beside it, the oracle has ${expected.beside[kind]}`;
  }
  return undefined;
}

function isNear(
  name: string,
  is: number,
  { values, absoluteSum, squareSum, greatest }: ReturnType<typeof summary>,
): boolean {
  const n = values["count"];
  const was = values[name];
  if (name === "sum" || name === "increase") return Math.abs(is - was) <= 1e-12 * absoluteSum;
  if (name === "mean") return Math.abs(is - was) <= (1e-12 * absoluteSum) / n + 1e-300;
  if (name === "stddev") return Math.abs(is * is - was * was) <= (1e-12 * squareSum) / n + 1e-300;
  // Within one percent; what is below 2^-58 of the greatest shares one bin.
  if (/^p\d/.test(name)) return Math.abs(is - was) <= 0.01 * Math.abs(was) + 2 ** -58 * greatest + 2 ** -1022;
  return Object.is(is, was);
}
