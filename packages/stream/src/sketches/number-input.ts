import { assert } from "../assert.ts";
import type { SketchInput } from "../sketch.ts";

/** The number of a sketch that takes numbers only; -0 as 0. Decoders refuse what is not finite before it comes here. */
export function numberInput(input: SketchInput): number {
  assert(typeof input === "number" && Number.isFinite(input), "a sketch of numbers is told finite numbers");
  return input + 0;
}
