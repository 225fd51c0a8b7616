import type { Accumulator } from "../accumulator.ts";

/**
 * The latest reading by event time. Tie rule: of several at the same time, the greater value, so that order of
 * arrival never shows. Fields: time, value; the identity is (-Infinity, -Infinity).
 */
export const last: Accumulator = {
  name: "last",
  id: 7,
  params: [],
  width: 2,
  results: ["last"],
  identity(state, at) {
    state[at] = -Infinity;
    state[at + 1] = -Infinity;
  },
  add(state, at, value, timeMs) {
    take(state, at, value, timeMs);
  },
  merge(state, at, from, fromAt) {
    take(state, at, from[fromAt + 1], from[fromAt]);
  },
  finish(state, at): Readonly<Record<string, number>> {
    return Number.isFinite(state[at]) && Number.isFinite(state[at + 1]) ? { last: state[at + 1] + 0 } : {};
  },
  result(state, at) {
    return Number.isFinite(state[at]) && Number.isFinite(state[at + 1]) ? state[at + 1] + 0 : NaN;
  },
};

/** A time that is not known (NaN) on either side leaves the result unknown. */
function take(state: Float64Array, at: number, value: number, timeMs: number): void {
  if (timeMs < state[at]) return;
  if (timeMs > state[at]) {
    state[at] = timeMs;
    state[at + 1] = value;
    return;
  }
  state[at + 1] = Math.max(state[at + 1], value);
  if (timeMs !== state[at]) state[at] = NaN;
}
