import type { Accumulator, AccumulatorName } from "../accumulator.ts";
import { beside } from "./beside.ts";
import { count } from "./count.ts";
import { first } from "./first.ts";
import { last } from "./last.ts";
import { max } from "./max.ts";
import { mean } from "./mean.ts";
import { min } from "./min.ts";
import { sum } from "./sum.ts";

/** Every accumulator there is, by name, in order of their numbers. */
export const ACCUMULATORS: Readonly<Record<AccumulatorName, Accumulator>> = {
  count,
  sum,
  min,
  max,
  mean,
  first,
  last,
  beside,
};

const byId = new Map(Object.values(ACCUMULATORS).map((accumulator) => [accumulator.id, accumulator]));

/** The accumulator with this number, or undefined: a newer writer may know more. */
export function accumulatorById(id: number): Accumulator | undefined {
  return byId.get(id);
}
