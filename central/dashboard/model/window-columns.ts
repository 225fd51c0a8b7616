import type { WindowResult } from "@millrace/stream";
import { compareMeasures, isBucket, isDrawn } from "./measure.ts";

/** Values with a column of their own, where any window has them; what else there is stands together in one. */
const COLUMNS = ["count", "sum", "mean", "min", "max"] as const;
export type ColumnMeasure = (typeof COLUMNS)[number];

type Values = WindowResult["values"];

export interface WindowColumns {
  readonly measures: readonly ColumnMeasure[];
  readonly hasOthers: boolean;
}

/** The columns of a table of these windows. How many readings there are is always told. */
export function windowColumns(results: readonly Pick<WindowResult, "values">[]): WindowColumns {
  return {
    measures: COLUMNS.filter(
      (measure) => measure === "count" || results.some(({ values }) => values[measure] !== undefined),
    ),
    hasOthers: results.some(({ values }) => otherValues(values).length > 0),
  };
}

/** What a window says beside the columns: as it is offered in charts, then a histogram's buckets, but for the last, which is the count. */
export function otherValues(values: Values): readonly (readonly [measure: string, value: number])[] {
  const others = Object.entries(values).filter(([name]) => !COLUMNS.some((column) => column === name));
  const drawn = others.filter(([name]) => isDrawn(name)).sort(([a], [b]) => compareMeasures(a, b));
  return [...drawn, ...others.filter(([name]) => isBucket(name) && name !== "le_inf")];
}
