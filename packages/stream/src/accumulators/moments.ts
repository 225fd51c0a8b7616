import type { Accumulator } from "../accumulator.ts";

const NOTHING: Readonly<Record<string, number>> = {};
/** Of Σx²: what is smaller is what rounding left of nothing. */
const SQUARES_LEAST = 2 ** -98;
/** Splits a float64 in two of 26 bits (Veltkamp 1968). */
const SPLITTER = 2 ** 27 + 1;

/**
 * Mean and population standard deviation of readings that may be taken back: what `mean` is told leaves its rounding behind, which
 * is that of the greatest value that ever was there, and a wrong order of 1e8 that is corrected would be all the spread of ten right
 * ones. So the sums of x and of x² are kept in two float64 each, some 100 bits (Dekker 1971), and a difference of them is taken
 * only at the end.
 *
 * Fields: n, Σx (high, low), Σx² (high, low). Taking back leaves an error of 1e-28 of the Σ|x| and Σx² of all that ever was in it.
 * No pipeline names it: it stands beside `mean` where rows change, and where it has results they go before those of `mean`. What leaves
 * the range of float64 on the way has no result: a square does before a sum, and then there is a mean without a deviation.
 */
export const moments: Accumulator = {
  name: "moments",
  id: 19,
  params: [],
  width: 5,
  results: ["mean", "stddev"],
  identity(state, at) {
    state.fill(0, at, at + 5);
  },
  add(state, at, value) {
    state[at] = state[at] + 1;
    addPair(state, at + 1, value + 0, 0);
    const square = value * value;
    addPair(state, at + 3, square, productError(value, value, square));
  },
  merge(state, at, from, fromAt) {
    combine(state, at, from, fromAt, 1);
  },
  subtract(state, at, from, fromAt) {
    combine(state, at, from, fromAt, -1);
  },
  finish(state, at) {
    const n = state[at];
    const [sum, sumLow, squares, squaresLow] = state.subarray(at + 1, at + 5);
    const average = (sum + sumLow) / n;
    if (n === 0 || !Number.isFinite(average)) return NOTHING;
    // Σx² - Σx · (Σx / n), each product and quotient with what float64 leaves of it.
    const quotient = sum / n;
    const back = quotient * n;
    const quotientLow = (sum - back - productError(quotient, n, back) + sumLow) / n;
    const product = sum * quotient;
    const productLow = productError(sum, quotient, product) + sum * quotientLow + sumLow * quotient;
    const spread = squares - product + (squaresLow - productLow);
    if (!Number.isFinite(spread)) return { mean: average + 0 };
    const stddev = n < 2 || spread < SQUARES_LEAST * squares ? 0 : Math.sqrt(spread / n);
    return { mean: average + 0, stddev };
  },
};

function combine(state: Float64Array, at: number, from: Float64Array, fromAt: number, sign: 1 | -1): void {
  state[at] = state[at] + sign * from[fromAt];
  for (const field of [1, 3])
    addPair(state, at + field, sign * from[fromAt + field], sign * from[fromAt + field + 1]);
}

/** Adds high + low to the pair at `at`: the sum of the high parts exactly (Knuth 1969), and what it leaves to the low ones. */
function addPair(state: Float64Array, at: number, high: number, low: number): void {
  const before = state[at];
  const sum = before + high;
  const added = sum - before;
  const rest = before - (sum - added) + (high - added) + (state[at + 1] + low);
  state[at] = sum + rest;
  state[at + 1] = rest - (state[at] - sum);
}

/** What a · b is more than `product`, its float64 (Dekker 1971). */
function productError(a: number, b: number, product: number): number {
  const [aHigh, bHigh] = [highHalf(a), highHalf(b)];
  const [aLow, bLow] = [a - aHigh, b - bHigh];
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

function highHalf(value: number): number {
  const scaled = SPLITTER * value;
  return scaled - (scaled - value);
}
