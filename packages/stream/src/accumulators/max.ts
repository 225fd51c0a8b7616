import type { Accumulator } from "../accumulator.ts";

/** Greatest reading. One field; the identity is -Infinity. `Math.max` orders the zeros (0 is above -0), so any order gives the same bits. */
export const max: Accumulator = {
  name: "max",
  id: 4,
  params: [],
  width: 1,
  results: ["max"],
  identity(state, at) {
    state[at] = -Infinity;
  },
  add(state, at, value) {
    state[at] = Math.max(state[at], value);
  },
  addRun(states, { series, value }, from, to) {
    for (let at = from; at < to; at++) states[series[at]] = Math.max(states[series[at]], value[at]);
  },
  merge(state, at, from, fromAt) {
    state[at] = Math.max(state[at], from[fromAt]);
  },
  finish(state, at): Readonly<Record<string, number>> {
    const value = state[at];
    return Number.isFinite(value) ? { max: value + 0 } : {};
  },
};
