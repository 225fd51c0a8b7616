import type { Accumulator } from "../accumulator.ts";

type Monoid = Pick<Accumulator, "identity" | "merge"> & Required<Pick<Accumulator, "mergeRows" | "subtract">>;

/** The monoid of `width` counts, exact up to 2^53 each: what accumulators that only count share. */
export function countFields(width: number): Monoid {
  return {
    identity(state, at) {
      state.fill(0, at, at + width);
    },
    merge(state, at, from, fromAt) {
      for (let field = 0; field < width; field++)
        state[at + field] = state[at + field] + from[fromAt + field];
    },
    mergeRows(state, at, { from, stride, offset }, rows) {
      for (let field = 0; field < width; field++) {
        let total = state[at + field];
        for (let index = 0; index < rows.length; index++)
          total += from[rows[index] * stride + offset + field];
        state[at + field] = total;
      }
    },
    subtract(state, at, from, fromAt) {
      for (let field = 0; field < width; field++)
        state[at + field] = state[at + field] - from[fromAt + field];
    },
  };
}
