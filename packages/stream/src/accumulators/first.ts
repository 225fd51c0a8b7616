import type { Accumulator } from "../accumulator.ts";

/**
 * The earliest reading by event time. Tie rule: of several at the same time, the smaller value, so that order of
 * arrival never shows. Fields: time, value; the identity is (Infinity, Infinity).
 */
export const first: Accumulator = {
  name: "first",
  id: 6,
  params: [],
  width: 2,
  results: ["first"],
  identity(state, at) {
    state[at] = Infinity;
    state[at + 1] = Infinity;
  },
  add(state, at, value, timeMs) {
    take(state, at, value, timeMs);
  },
  merge(state, at, from, fromAt) {
    take(state, at, from[fromAt + 1], from[fromAt]);
  },
  finish(state, at): Readonly<Record<string, number>> {
    return Number.isFinite(state[at]) && Number.isFinite(state[at + 1]) ? { first: state[at + 1] + 0 } : {};
  },
  result(state, at) {
    return Number.isFinite(state[at]) && Number.isFinite(state[at + 1]) ? state[at + 1] + 0 : NaN;
  },
};

/** A time that is not known (NaN) on either side leaves the result unknown. */
function take(state: Float64Array, at: number, value: number, timeMs: number): void {
  if (timeMs > state[at]) return;
  if (timeMs < state[at]) {
    state[at] = timeMs;
    state[at + 1] = value;
    return;
  }
  state[at + 1] = Math.min(state[at + 1], value);
  if (timeMs !== state[at]) state[at] = NaN;
}
