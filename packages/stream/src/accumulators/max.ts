import type { Accumulator } from "../accumulator.ts";

/** Greatest reading. One field; the identity is -Infinity. -0 is added as 0, so any order gives the same bits. */
export const max: Accumulator = {
  name: "max",
  id: 4,
  params: [],
  width: 1,
  results: ["max"],
  identity(state, at) {
    state[at] = -Infinity;
  },
  add,
  addRun(states, { place, value }, from, to) {
    for (let at = from; at < to; at++) add(states, place[at], value[at]);
  },
  addAll(state, at, { value }, from, to) {
    let greatest = state[at];
    for (let index = from; index < to; index++) if (value[index] + 0 > greatest) greatest = value[index] + 0;
    state[at] = greatest;
  },
  merge,
  mergeRows(state, at, { from, stride, offset }, rows) {
    for (let index = 0; index < rows.length; index++) merge(state, at, from, rows[index] * stride + offset);
  },
  finish(state, at): Readonly<Record<string, number>> {
    return Number.isFinite(state[at]) ? { max: state[at] + 0 } : {};
  },
  result(state, at) {
    return Number.isFinite(state[at]) ? state[at] + 0 : NaN;
  },
};

/** Seldom true after the first few readings, so quicker than a `Math.max`; a reading of -0 is one of 0. */
function add(state: Float64Array, at: number, value: number): void {
  if (value + 0 > state[at]) state[at] = value + 0;
}

function merge(state: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  state[at] = Math.max(state[at], from[fromAt]);
}
