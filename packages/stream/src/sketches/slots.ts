import type { SketchKind } from "../sketch.ts";
import { SketchObjects } from "../sketch-objects.ts";
import type { SketchSlots } from "../sketch-slots.ts";
import { quantilesKind } from "./quantiles.ts";
import { QuantileSlots } from "./quantiles/quantile-slots.ts";

/** A place for many sketches of a kind. */
export function sketchSlots(kind: SketchKind): SketchSlots {
  return kind === quantilesKind ? new QuantileSlots() : new SketchObjects(kind);
}
