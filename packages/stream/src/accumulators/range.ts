import type { Accumulator } from "../accumulator.ts";
import { max } from "./max.ts";
import { min } from "./min.ts";

/** Greatest less smallest reading. Fields: min, max. */
export const range: Accumulator = {
  name: "range",
  id: 13,
  params: [],
  width: 2,
  results: ["range"],
  identity(state, at) {
    min.identity(state, at);
    max.identity(state, at + 1);
  },
  add(state, at, value, timeMs) {
    min.add(state, at, value, timeMs);
    max.add(state, at + 1, value, timeMs);
  },
  merge(state, at, from, fromAt) {
    min.merge(state, at, from, fromAt);
    max.merge(state, at + 1, from, fromAt + 1);
  },
  finish(state, at): Readonly<Record<string, number>> {
    const width = state[at + 1] - state[at];
    // Without a reading it is -Infinity.
    return Number.isFinite(width) ? { range: width + 0 } : {};
  },
};
