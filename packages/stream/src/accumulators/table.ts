import type { Accumulator } from "../accumulator.ts";
import { beside } from "./beside.ts";
import { count } from "./count.ts";
import { first } from "./first.ts";
import { areBounds, histogram } from "./histogram.ts";
import { last } from "./last.ts";
import { max } from "./max.ts";
import { mean } from "./mean.ts";
import { min } from "./min.ts";
import { moments } from "./moments.ts";
import { range } from "./range.ts";
import { ratio, RATIO_SIDES } from "./ratio.ts";
import { sum } from "./sum.ts";

/** Every accumulator without parameters, by name, in order of their numbers. */
export const ACCUMULATORS = {
  count,
  sum,
  min,
  max,
  mean,
  first,
  last,
  range,
  beside,
  moments,
} as const satisfies Readonly<Record<string, Accumulator>>;

/** Those with parameters, by number; undefined where the parameters make no sense. */
const FAMILIES: ReadonlyMap<number, (params: readonly number[]) => Accumulator | undefined> = new Map([
  [14, ratioOf],
  [16, (bounds: readonly number[]) => (areBounds(bounds) ? histogram(bounds) : undefined)],
]);

const byId = new Map<number, Accumulator>(
  Object.values(ACCUMULATORS).map((accumulator) => [accumulator.id, accumulator]),
);
const FAMILY_IDS: ReadonlyMap<string, number> = new Map([
  ["ratio", 14],
  ["histogram", 16],
]);

/** Whether the number is that of accumulators with parameters. */
export function hasParams(id: number): boolean {
  return FAMILIES.has(id);
}

/** The accumulator with this number, or undefined: a newer writer may know more. */
export function accumulatorById(id: number, params: readonly number[] = []): Accumulator | undefined {
  return FAMILIES.get(id)?.(params) ?? (params.length === 0 ? byId.get(id) : undefined);
}

/** The accumulator of this name, with its parameters; undefined when there is none. */
export function accumulatorNamed(name: string): Accumulator | undefined {
  const [, family, params] = /^(\w+)(?:\((.+)\))?$/.exec(name) ?? [];
  if (params !== undefined)
    return accumulatorById(FAMILY_IDS.get(family) ?? 0, params.split(",").map(Number));
  return Object.values(ACCUMULATORS).find((accumulator) => accumulator.name === name);
}

function ratioOf([side, limit, ...others]: readonly number[]): Accumulator | undefined {
  if (others.length > 0 || !Number.isFinite(limit)) return undefined;
  return side in RATIO_SIDES ? ratio(RATIO_SIDES[side], limit) : undefined;
}
