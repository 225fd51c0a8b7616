import type { Accumulator } from "../accumulator.ts";

/**
 * Mean and population standard deviation: added by Welford (1962), merged by Chan, Golub and LeVeque (1979).
 *
 * Fields: n, mean, M2 (the sum of squared distances from the mean). `stddev` is sqrt(M2 / n), so one reading has 0.
 * What leaves the range of float64 on the way has no result.
 */
export const mean: Accumulator = {
  name: "mean",
  id: 5,
  params: [],
  width: 3,
  results: ["mean", "stddev"],
  identity(state, at) {
    state[at] = 0;
    state[at + 1] = 0;
    state[at + 2] = 0;
  },
  add,
  addRun(states, { place, value }, from, to) {
    for (let at = from; at < to; at++) add(states, 3 * place[at], value[at]);
  },
  addAll(state, at, { value }, from, to) {
    let n = state[at];
    let average = state[at + 1];
    let squares = state[at + 2];
    for (let index = from; index < to; index++) {
      n += 1;
      const distance = value[index] - average;
      average += distance / n;
      squares += distance * (value[index] - average);
    }
    state[at] = n;
    state[at + 1] = average;
    state[at + 2] = squares;
  },
  merge,
  mergeRows(state, at, { from, stride, offset }, rows) {
    for (let index = 0; index < rows.length; index++) merge(state, at, from, rows[index] * stride + offset);
  },
  subtract,
  finish(state, at): Readonly<Record<string, number>> {
    const n = state[at];
    const average = state[at + 1];
    if (n === 0 || !Number.isFinite(average)) return {};
    const stddev = Math.sqrt(state[at + 2] / n);
    return Number.isFinite(stddev) ? { mean: average + 0, stddev } : { mean: average + 0 };
  },
  result(state, at, name) {
    const n = state[at];
    const average = state[at + 1];
    if (n === 0 || !Number.isFinite(average)) return NaN;
    if (name === "mean") return average + 0;
    const stddev = Math.sqrt(state[at + 2] / n);
    return Number.isFinite(stddev) ? stddev : NaN;
  },
};

function add(state: Float64Array, at: number, value: number): void {
  const n = state[at] + 1;
  const before = state[at + 1];
  const distance = value - before;
  const after = before + distance / n;
  state[at] = n;
  state[at + 1] = after;
  state[at + 2] = state[at + 2] + distance * (value - after);
}

function merge(state: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  const fromN = from[fromAt];
  if (fromN === 0) return;
  const n = state[at];
  if (n === 0) {
    state[at] = fromN;
    state[at + 1] = from[fromAt + 1]!;
    state[at + 2] = from[fromAt + 2]!;
    return;
  }
  const total = n + fromN;
  const distance = from[fromAt + 1] - state[at + 1];
  state[at] = total;
  state[at + 1] = state[at + 1] + (distance * fromN) / total;
  state[at + 2] = state[at + 2] + from[fromAt + 2] + (distance * distance * n * fromN) / total;
}

/** `merge` solved for the other side. */
function subtract(state: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  const fromN = from[fromAt];
  if (fromN === 0) return;
  const total = state[at];
  const n = total - fromN;
  const distance = from[fromAt + 1] - state[at + 1];
  const squares = from[fromAt + 2] + (distance * distance * total * fromN) / n;
  state[at] = n;
  state[at + 1] = n === 0 ? 0 : state[at + 1] - (distance * fromN) / n;
  // One alone has no spread; what rounding leaves of nothing may lie below it.
  state[at + 2] = n < 2 ? 0 : Math.max(0, state[at + 2] - squares);
}
