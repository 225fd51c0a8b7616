import type { Accumulator } from "../accumulator.ts";

/** Smallest reading. One field; the identity is Infinity. `Math.min` orders the zeros (-0 is below 0), so any order gives the same bits. */
export const min: Accumulator = {
  name: "min",
  id: 3,
  params: [],
  width: 1,
  results: ["min"],
  identity(state, at) {
    state[at] = Infinity;
  },
  add(state, at, value) {
    state[at] = Math.min(state[at], value);
  },
  addRun(states, { series, value }, from, to) {
    for (let at = from; at < to; at++) states[series[at]] = Math.min(states[series[at]], value[at]);
  },
  merge(state, at, from, fromAt) {
    state[at] = Math.min(state[at], from[fromAt]);
  },
  finish(state, at): Readonly<Record<string, number>> {
    const value = state[at];
    return Number.isFinite(value) ? { min: value + 0 } : {};
  },
};
