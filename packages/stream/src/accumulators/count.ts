import type { Accumulator } from "../accumulator.ts";
import { countFields } from "./count-fields.ts";

/** How many readings: exact up to 2^53. One field. */
export const count: Accumulator = {
  name: "count",
  id: 1,
  params: [],
  width: 1,
  results: ["count"],
  ...countFields(1),
  add(state, at) {
    state[at] = state[at] + 1;
  },
  addRun(states, { place }, from, to) {
    for (let at = from; at < to; at++) states[place[at]] = states[place[at]] + 1;
  },
  addAll(state, at, _run, from, to) {
    state[at] = state[at] + (to - from);
  },
  finish(state, at): Readonly<Record<string, number>> {
    return Number.isFinite(state[at]) ? { count: state[at] } : {};
  },
  result(state, at) {
    return Number.isFinite(state[at]) ? state[at] : NaN;
  },
};
