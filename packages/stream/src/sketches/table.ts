import type { SketchKind, SketchName } from "../sketch.ts";
import { distanceKind } from "./distance.ts";
import { distinctKind, distinctManyKind } from "./distinct.ts";
import { increaseKind } from "./increase.ts";
import { quantilesKind } from "./quantiles.ts";
import { timeMeanKind } from "./time-mean.ts";
import { topkKind } from "./topk.ts";

/** Every sketch there is, by name, in order of their numbers. */
export const SKETCHES: Readonly<Record<SketchName, SketchKind>> = {
  quantiles: quantilesKind,
  distinct: distinctKind,
  topk: topkKind,
  increase: increaseKind,
  timeMean: timeMeanKind,
  distance: distanceKind,
  distinctMany: distinctManyKind,
};

const kinds = Object.values(SKETCHES);
const byId = new Map(kinds.map((kind) => [kind.id, kind]));

/** The sketch with this number, or undefined: a newer writer may know more. */
export function sketchById(id: number): SketchKind | undefined {
  return byId.get(id);
}

/** The sketch of this name; undefined when there is none. */
export function sketchNamed(name: string): SketchKind | undefined {
  return kinds.find((kind) => kind.name === name);
}
