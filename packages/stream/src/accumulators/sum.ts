import type { Accumulator } from "../accumulator.ts";

/**
 * Compensated sum (Neumaier 1974): the rounding error of each addition is carried along.
 *
 * Fields: running sum, compensation. The identity's running sum is -0, which no reading can leave behind (readings are
 * added as `value + 0`), so it is neutral to the bit and "no reading" needs no third field.
 * A sum beyond the range of float64 has no result.
 */
export const sum: Accumulator = {
  name: "sum",
  id: 2,
  params: [],
  width: 2,
  results: ["sum"],
  identity(state, at) {
    state[at] = -0;
    state[at + 1] = 0;
  },
  add,
  addRun(states, { place, value }, from, to) {
    for (let at = from; at < to; at++) add(states, 2 * place[at], value[at]);
  },
  addAll(state, at, { value }, from, to) {
    let total = state[at];
    let compensation = state[at + 1];
    for (let index = from; index < to; index++) {
      const added = value[index] + 0;
      const after = total + added;
      compensation += Math.abs(total) >= Math.abs(added) ? total - after + added : added - after + total;
      total = after;
    }
    state[at] = total;
    state[at + 1] = compensation;
  },
  merge,
  mergeRows(state, at, { from, stride, offset }, rows) {
    for (let index = 0; index < rows.length; index++) merge(state, at, from, rows[index] * stride + offset);
  },
  subtract(state, at, from, fromAt) {
    add(state, at, -from[fromAt]);
    state[at + 1] = state[at + 1] - from[fromAt + 1];
  },
  finish(state, at): Readonly<Record<string, number>> {
    const total = result(state, at);
    return Number.isNaN(total) ? {} : { sum: total };
  },
  result,
};

function result(state: Float64Array, at: number): number {
  if (Object.is(state[at], -0)) return NaN;
  const total = state[at] + state[at + 1];
  return Number.isFinite(total) ? total + 0 : NaN;
}

function add(state: Float64Array, at: number, value: number): void {
  const before = state[at];
  const added = value + 0;
  const after = before + added;
  const error = Math.abs(before) >= Math.abs(added) ? before - after + added : added - after + before;
  state[at] = after;
  state[at + 1] = state[at + 1] + error;
}

function merge(state: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  const before = state[at];
  const added = from[fromAt];
  const after = before + added;
  const error = Math.abs(before) >= Math.abs(added) ? before - after + added : added - after + before;
  state[at] = after;
  // The two compensations first: the same bits whichever side is merged into which.
  state[at + 1] = state[at + 1] + from[fromAt + 1] + error;
}
