import type { CentralWindow } from "./central-client.ts";
import { kmOverSphere } from "./records/geography.ts";
import type { TrueWindow, WindowDefinition } from "./window-oracle.ts";

export interface TrueValue {
  readonly name: string;
  readonly expected: number;
  /** By which central's may be off. */
  readonly toleranceAbsolute: number;
}

/** Share of Σ|x| by which a sum may differ, and of Σx² the sum of squared distances: the bounds that merging in any order keeps. */
const SUM_TOLERANCE = 1e-12;
/** Share of a way by which it may differ: two formulas of the same distance. */
const WAY_TOLERANCE = 1e-9;
/** An estimate may be so many times its own standard error off: more happens once in a hundred million windows. */
const ERRORS_MAX = 6;
/** No estimate has a greater standard error, as a share. */
const ERROR_SHARE_MAX = 0.02;

/** What a row of numbers, identities or places always says where its metric accumulates it, by the accumulator's name. */
const NAMES_OF: Readonly<Record<string, readonly string[]>> = {
  count: ["count"],
  sum: ["sum"],
  min: ["min"],
  max: ["max"],
  mean: ["mean", "stddev"],
  first: ["first"],
  last: ["last"],
  range: ["range"],
  ratio: ["ratio"],
  distinct: ["distinct"],
  distinctMany: ["distinct"],
  distance: ["distance", "inexact"],
  quantiles: ["p50", "p90", "p95", "p99"],
};

/** Names of values that a row must have. */
export function namesOf({ accumulate = [] }: WindowDefinition): ReadonlySet<string> {
  return new Set(["count", ...accumulate.flatMap((name) => NAMES_OF[name.replace(/\(.*$/, "")] ?? [])]);
}

/** All that the truth knows of a window that it is sure of. */
export function trueValues(
  window: TrueWindow,
  { values }: CentralWindow,
  { ratio = null }: WindowDefinition,
): TrueValue[] {
  const { count, identities, places } = window;
  const exactly = (name: string, expected: number): TrueValue => ({ name, expected, toleranceAbsolute: 0 });
  const known = [exactly("count", count)];
  if (identities.size > 0) {
    const error = Math.min(values["distinctError"] ?? 0, ERROR_SHARE_MAX * identities.size);
    return [...known, { name: "distinct", expected: identities.size, toleranceAbsolute: ERRORS_MAX * error }];
  }
  if (places.length > 0) {
    const km = wayKm(places);
    return [
      ...known,
      { name: "distance", expected: km, toleranceAbsolute: WAY_TOLERANCE * km },
      exactly("inexact", 0),
    ];
  }
  const { sum, sumAbsolute, min, max, first, last } = window;
  const mean = sum / count;
  known.push(
    exactly("min", min),
    exactly("max", max),
    exactly("range", max - min),
    exactly("first", first.value),
    exactly("last", last.value),
    { name: "sum", expected: sum, toleranceAbsolute: SUM_TOLERANCE * sumAbsolute },
    {
      name: "mean",
      expected: mean,
      toleranceAbsolute: (SUM_TOLERANCE * sumAbsolute) / count + Number.EPSILON * Math.abs(mean),
    },
    deviation(window, values["stddev"] ?? 0),
  );
  if (ratio === null) return known;
  const share = window.ratioCount / count;
  return [...known, { name: "ratio", expected: share, toleranceAbsolute: Number.EPSILON * share }];
}

/** Of the population. Its square is what is exact to a share: around none the root may be off by more. */
function deviation({ count, sum, squares, squaresMax }: TrueWindow, found: number): TrueValue {
  const square = Math.max(0, squares - (sum * sum) / count) / count;
  const expected = Math.sqrt(square);
  const squareError = (SUM_TOLERANCE * squaresMax) / count + 4 * Number.EPSILON * square;
  return { name: "stddev", expected, toleranceAbsolute: squareError / (expected + Math.max(found, 0) || 1) };
}

/** From place to place in order of time. */
function wayKm(places: TrueWindow["places"]): number {
  const ordered = places.toSorted((a, b) => a.timeMs - b.timeMs);
  return ordered.reduce(
    (km, { place }, at) => km + (at === 0 ? 0 : kmOverSphere(ordered[at - 1].place, place)),
    0,
  );
}
