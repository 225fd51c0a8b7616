import type { Accumulator } from "../accumulator.ts";

/** How many readings: exact up to 2^53. One field. */
export const count: Accumulator = {
  name: "count",
  id: 1,
  width: 1,
  results: ["count"],
  identity(state, at) {
    state[at] = 0;
  },
  add(state, at) {
    state[at] = state[at] + 1;
  },
  merge(state, at, from, fromAt) {
    state[at] = state[at] + from[fromAt];
  },
  finish(state, at): Readonly<Record<string, number>> {
    return Number.isFinite(state[at]) ? { count: state[at] } : {};
  },
};
