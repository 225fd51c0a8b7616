import type { Accumulator } from "../accumulator.ts";

/** Readings went by that this accumulator was not told of: no result of it is true any more. */
export function setUnknown({ width }: Accumulator, state: Float64Array, at: number): void {
  state.fill(NaN, at, at + width);
}
