// Every accumulator is a commutative monoid, and says what the plain formula over all readings says.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Accumulator } from "../accumulator.ts";
import { histogram } from "./histogram.ts";
import { ratio } from "./ratio.ts";
import { accumulatorById, accumulatorNamed, ACCUMULATORS } from "./table.ts";
import { addBeside, BESIDE_KINDS } from "./beside.ts";
import { setUnknown } from "./set-unknown.ts";

interface Added {
  readonly value: number;
  readonly timeMs: number;
}

const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e150, max: 1e150 }),
  fc.double({ noNaN: true, min: -1000, max: 1000 }),
  fc.constantFrom(0, -0, 1, -1, 5e-324, 2 ** 53, -(2 ** 53)),
);
const added = fc.record({ value, timeMs: fc.integer({ min: -5, max: 5 }) });
const readings = fc.array(added, { maxLength: 30 });
const { count, sum, min, max, mean, range, first, last, beside, moments } = ACCUMULATORS;
const above = ratio("above", 1);
const buckets = histogram([-10, 0, 1]);
const accumulators: readonly Accumulator[] = [
  count,
  sum,
  min,
  max,
  mean,
  range,
  first,
  last,
  above,
  buckets,
  moments,
];
/** What rounds: to the same bits neither in every order nor when it is taken back. */
const ROUNDING: readonly Accumulator[] = [sum, mean, moments];

function stateOf(accumulator: Accumulator, all: readonly Added[]): Float64Array {
  const state = new Float64Array(accumulator.width);
  accumulator.identity(state, 0);
  for (const { value, timeMs } of all) accumulator.add(state, 0, value, timeMs);
  return state;
}

function mergeOf(accumulator: Accumulator, a: Float64Array, b: Float64Array): Float64Array {
  const state = a.slice();
  accumulator.merge(state, 0, b, 0);
  return state;
}

const bits = (state: Float64Array) => [...new BigUint64Array(state.buffer.slice(0))];

/** The promised tolerance: 1e-12 of Σ|x| for sums and means, of Σx² for second moments. */
function expectSame(
  actual: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
  all: readonly Added[],
): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  const n = Math.max(1, all.length);
  const absolute = all.reduce((sum, { value }) => sum + Math.abs(value), 0);
  const squares = all.reduce((sum, { value }) => sum + value * value, 0);
  for (const [name, was] of Object.entries(expected)) {
    const is = actual[name];
    if (name === "sum") expect(Math.abs(is - was)).toBeLessThanOrEqual(1e-12 * absolute);
    else if (name === "mean")
      expect(Math.abs(is - was)).toBeLessThanOrEqual((1e-12 * absolute) / n + 5e-324 * n);
    else if (name === "stddev")
      expect(Math.abs(is * is - was * was)).toBeLessThanOrEqual((1e-12 * squares) / n + 1e-300);
    else expect(is).toBe(was);
  }
}

/** The tolerance is that of all that was ever in, by what is left. */
function expectTakenBack(
  actual: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
  { a, b }: { readonly a: readonly Added[]; readonly b: readonly Added[] },
): void {
  const all = [...a, ...b];
  const absolute = all.reduce((sum, { value }) => sum + Math.abs(value), 0);
  const squares = all.reduce((sum, { value }) => sum + value * value, 0);
  const near = (is = 0, was = 0, tolerance = 0) => expect(Math.abs(is - was)).toBeLessThanOrEqual(tolerance);
  near(actual.sum, expected.sum, 1e-12 * absolute);
  near(actual.mean, expected.mean, (1e-12 * absolute) / a.length + 5e-324 * all.length);
  const spread = ({ stddev = 0 }: Readonly<Record<string, number>>) => stddev * stddev;
  near(spread(actual), spread(expected), (1e-12 * squares * all.length) / a.length + 1e-300);
}

/** The plain formulas; none where there is no reading. */
function plain({ name }: Accumulator, all: readonly Added[]): Record<string, number> {
  const values = all.map((one) => one.value);
  const n = values.length;
  if (name === "count") return { count: n };
  if (n === 0) return {};
  const exactly = (numbers: readonly number[]) =>
    [...numbers].sort((a, b) => Math.abs(a) - Math.abs(b)).reduce((a, b) => a + b, 0);
  const average = exactly(values.map((one) => one / n));
  switch (name) {
    case "sum":
      return { sum: exactly(values) };
    case "min":
      return { min: values.reduce((a, b) => (b < a ? b : a)) + 0 };
    case "max":
      return { max: values.reduce((a, b) => (b > a ? b : a)) + 0 };
    case "mean":
    case "moments":
      return { mean: average, stddev: Math.sqrt(exactly(values.map((one) => (one - average) ** 2)) / n) };
    case "first":
      return { first: [...all].sort((a, b) => a.timeMs - b.timeMs || a.value - b.value)[0].value + 0 };
    case "last":
      return { last: [...all].sort((a, b) => b.timeMs - a.timeMs || b.value - a.value)[0].value + 0 };
    case "range":
      return { range: Math.max(...values) - Math.min(...values) };
    case above.name:
      return { ratio: values.filter((one) => one > 1).length / n };
    case buckets.name: {
      const atMost = (bound: number) => values.filter((one) => one <= bound).length;
      return { "le_-10": atMost(-10), le_0: atMost(0), le_1: atMost(1), le_inf: n };
    }
    default:
      return {};
  }
}

describe.each(accumulators)("$name", (accumulator) => {
  const { finish } = accumulator;

  test("has a neutral element, to the bit, from either side", () => {
    fc.assert(
      fc.property(readings, (all) => {
        const state = stateOf(accumulator, all);
        const identity = stateOf(accumulator, []);
        expect(bits(mergeOf(accumulator, state, identity))).toEqual(bits(state));
        expect(bits(mergeOf(accumulator, identity, state))).toEqual(bits(state));
      }),
    );
  });

  test("merges in any order and grouping to the same", () => {
    fc.assert(
      fc.property(readings, readings, readings, (a, b, c) => {
        const [x, y, z] = [stateOf(accumulator, a), stateOf(accumulator, b), stateOf(accumulator, c)];
        const left = mergeOf(accumulator, mergeOf(accumulator, x, y), z);
        const right = mergeOf(accumulator, x, mergeOf(accumulator, y, z));
        const back = mergeOf(accumulator, z, mergeOf(accumulator, y, x));
        expectSame(finish(left, 0), finish(right, 0), [...a, ...b, ...c]);
        expectSame(finish(left, 0), finish(back, 0), [...a, ...b, ...c]);
        if (!ROUNDING.includes(accumulator)) {
          expect(bits(left)).toEqual(bits(right));
          expect(bits(left)).toEqual(bits(back));
        }
      }),
    );
  });

  test("says what the plain formula says, however it is split", () => {
    fc.assert(
      fc.property(fc.array(readings, { maxLength: 5 }), (parts) => {
        const all = parts.flat();
        const merged = parts
          .map((part) => stateOf(accumulator, part))
          .reduce((a, b) => mergeOf(accumulator, a, b), stateOf(accumulator, []));
        expectSame(finish(stateOf(accumulator, all), 0), plain(accumulator, all), all);
        expectSame(finish(merged, 0), plain(accumulator, all), all);
      }),
    );
  });

  test("never returns anything that is not a finite number, and only what it names", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.double({ noNaN: true, noDefaultInfinity: true }),
            fc.constantFrom(Number.MAX_VALUE, -Number.MAX_VALUE),
          ),
          { maxLength: 9 },
        ),
        (values) => {
          const result = finish(
            stateOf(
              accumulator,
              values.map((one) => ({ value: one, timeMs: 0 })),
            ),
            0,
          );
          for (const [key, one] of Object.entries(result)) {
            expect(accumulator.results).toContain(key);
            expect(Number.isFinite(one)).toBe(true);
            expect(Object.is(one, -0)).toBe(false);
          }
        },
      ),
    );
  });

  test("gives back what was merged in, where it can, counts to the bit", () => {
    const { subtract } = accumulator;
    if (subtract === undefined) return;
    fc.assert(
      fc.property(readings, readings, (a, b) => {
        const state = mergeOf(accumulator, stateOf(accumulator, a), stateOf(accumulator, b));
        subtract(state, 0, stateOf(accumulator, b), 0);
        if (!ROUNDING.includes(accumulator)) {
          expect(bits(state)).toEqual(bits(stateOf(accumulator, a)));
          return;
        }
        // Of nothing they keep what rounding left: whoever counts beside them makes them empty.
        if (a.length > 0) expectTakenBack(finish(state, 0), finish(stateOf(accumulator, a), 0), { a, b });
      }),
    );
  });
});

describe.each([...accumulators, beside])("an unknown $name", (accumulator) => {
  const { width, finish } = accumulator;
  const unknown = new Float64Array(width);
  setUnknown(accumulator, unknown, 0);

  test("has no results, and stays unknown whatever is added or merged, from either side", () => {
    fc.assert(
      fc.property(readings, readings, (all, more) => {
        const state = stateOf(accumulator, all);
        expect(finish(unknown, 0)).toEqual({});
        expect(finish(mergeOf(accumulator, unknown, state), 0)).toEqual({});
        const merged = mergeOf(accumulator, state, unknown);
        for (const { value, timeMs } of more) accumulator.add(merged, 0, value, timeMs);
        expect(finish(merged, 0)).toEqual({});
      }),
    );
  });

  test("never has a result that is not a finite number, whatever stands in the fields", () => {
    const field = fc.oneof(value, fc.constantFrom(NaN, Infinity, -Infinity, 1.7e308, -1.7e308));
    const fields = fc.array(field, { minLength: width, maxLength: width });
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const merged = mergeOf(accumulator, Float64Array.from(a), Float64Array.from(b));
        const results = [finish(Float64Array.from(a), 0), finish(merged, 0)].flatMap(Object.values);
        expect(results.every(Number.isFinite)).toBe(true);
      }),
    );
  });

  test("says a result alone as among the others, whatever stands in the fields", () => {
    const field = fc.oneof(value, fc.constantFrom(NaN, Infinity, -Infinity, 1.7e308, -1.7e308));
    fc.assert(
      fc.property(fc.array(field, { minLength: width, maxLength: width }), (fields) => {
        const state = Float64Array.from(fields);
        for (const name of accumulator.results)
          expect(accumulator.result?.(state, 0, name) ?? finish(state, 0)[name] ?? NaN).toBe(
            finish(state, 0)[name] ?? NaN,
          );
      }),
    );
  });

  test("merges many rows as one after another, to the bit", () => {
    const rows = fc.array(fc.array(value, { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 9,
    });
    fc.assert(
      fc.property(readings, rows, (all, states) => {
        const [alone, together] = [stateOf(accumulator, all), stateOf(accumulator, all)];
        // Something stands before and behind each.
        const stride = width + 2;
        const from = Float64Array.from(states.flatMap((state) => [7, ...state, 7]));
        for (const row of states.keys()) accumulator.merge(alone, 0, from, row * stride + 1);
        accumulator.mergeRows?.(together, 0, { from, stride, offset: 1 }, [...states.keys()]);
        if (accumulator.mergeRows !== undefined) expect(bits(together)).toEqual(bits(alone));
      }),
    );
  });
});

test("what a wrong value left is gone when it is taken back: the others say what they say alone", () => {
  const right = fc.array(fc.double({ noNaN: true, min: 10, max: 15 }), { minLength: 1, maxLength: 9 });
  const wrong = fc.array(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), { maxLength: 9 });
  const near = (is: number | undefined, was: number | undefined, tolerance: number) =>
    expect(Math.abs((is ?? NaN) - (was ?? NaN))).toBeLessThanOrEqual(tolerance);
  fc.assert(
    fc.property(right, wrong, (kept, gone) => {
      for (const accumulator of [sum, moments]) {
        const plainly = kept.map((one) => ({ value: one, timeMs: 0 }));
        const all = [...kept.slice(1), ...gone, ...kept.slice(0, 1)].map((one) => ({
          value: one,
          timeMs: 0,
        }));
        const state = stateOf(accumulator, all);
        for (const one of gone)
          accumulator.subtract?.(state, 0, stateOf(accumulator, [{ value: one, timeMs: 0 }]), 0);
        const [is, was] = [accumulator.finish(state, 0), plain(accumulator, plainly)];
        if (accumulator === sum) near(is["sum"], was["sum"], 1e-12);
        else near(is["mean"], was["mean"], 1e-14);
        // 1e-28 of Σx², which is up to 1e25.
        if (accumulator === moments) near((is["stddev"] ?? NaN) ** 2, (was["stddev"] ?? NaN) ** 2, 1e-3);
      }
    }),
  );
  const orders = [12.5, 13.1, 1e8, 12.9].map((one) => ({ value: one, timeMs: 0 }));
  const corrected = stateOf(moments, orders);
  moments.subtract?.(corrected, 0, stateOf(moments, [{ value: 1e8, timeMs: 0 }]), 0);
  const { mean: average, stddev } = moments.finish(corrected, 0);
  expect(average).toBeCloseTo(38.5 / 3, 14);
  expect(stddev).toBeCloseTo(0.24944382578492946, 12);
  // Its square leaves the range of float64, and the deviation is not to be had any more.
  const absurd = stateOf(moments, [{ value: 1e200, timeMs: 0 }]);
  moments.merge(corrected, 0, absurd, 0);
  moments.subtract?.(corrected, 0, absurd, 0);
  expect(moments.finish(corrected, 0)).toEqual({ mean: average });
});

test("the sum keeps what plain addition loses", () => {
  const all = [1, 1e100, 1, -1e100].map((one) => ({ value: one, timeMs: 0 }));
  expect(sum.finish(stateOf(sum, all), 0)).toEqual({ sum: 2 });
});

test("numbers and names are unique and find each other", () => {
  const all = [...accumulators, beside];
  for (const accumulator of all) {
    expect(accumulatorById(accumulator.id, accumulator.params)?.name).toBe(accumulator.name);
    expect(accumulatorNamed(accumulator.name)?.params).toEqual(accumulator.params);
  }
  expect(all.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 13, 6, 7, 14, 16, 19, 15]);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

test("there is none of an unknown number or name, or with parameters that make no sense", () => {
  expect(accumulatorById(99)).toBeUndefined();
  expect(accumulatorById(1, [1])).toBeUndefined();
  for (const params of [[], [3, 1], [-1, 1], [0.5, 1], [1, NaN], [1], [1, 2, 3]])
    expect(accumulatorById(14, params)).toBeUndefined();
  for (const bounds of [[], [2, 1], [1, 1], [NaN], [Infinity], Array.from({ length: 65 }, (_, i) => i)])
    expect(accumulatorById(16, bounds)).toBeUndefined();
  for (const name of ["", "median", "count(1)", "ratio", "histogram(a)"])
    expect(accumulatorNamed(name)).toBeUndefined();
});

test("beside counts each kind by itself", () => {
  const state = new Float64Array(4);
  ACCUMULATORS.beside.identity(state, 1);
  for (const [index, kind] of BESIDE_KINDS.entries())
    for (let i = 0; i <= index; i++) addBeside(state, 1, kind);
  ACCUMULATORS.beside.merge(state, 1, state.slice(), 1);
  expect(ACCUMULATORS.beside.finish(state, 1)).toEqual({ uncertain: 2, bad: 4, undeduplicated: 6 });
});
