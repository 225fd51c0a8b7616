// Increase and time-weighted mean against all readings in order, whatever the splits and the order of arrival.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Increase, increaseKind } from "./increase.ts";
import { RUNS_MAX } from "./runs.ts";
import { TimeMean, timeMeanKind } from "./time-mean.ts";

interface Reading {
  readonly value: number;
  readonly timeMs: number;
}

const at = (timeMs: number, value: number): Reading => ({ value, timeMs });
const byTime = (a: Reading, b: Reading) => a.timeMs - b.timeMs || a.value - b.value;

function told<Kind extends Increase | TimeMean>(sketch: Kind, readings: readonly Reading[]): Kind {
  for (const { value, timeMs } of readings) sketch.add(value, timeMs);
  return sketch;
}

function merged<Kind extends Increase | TimeMean>(sketch: Kind, parts: readonly Kind[]): Kind {
  for (const part of parts) sketch.merge(part);
  return sketch;
}

/** What all readings in order of time say, and Σ|x|, each weighted as it enters. */
function plain(readings: readonly Reading[]) {
  const sorted = [...readings].sort(byTime);
  let increase = 0;
  let integral = 0;
  let heldSum = 0;
  for (let index = 1; index < sorted.length; index++) {
    const [before, now] = [sorted[index - 1], sorted[index]];
    increase += now.value >= before.value ? now.value - before.value : now.value;
    integral += before.value * (now.timeMs - before.timeMs);
    heldSum += Math.abs(before.value) * (now.timeMs - before.timeMs);
  }
  const lastedMs = sorted.at(-1)!.timeMs - sorted[0].timeMs;
  return {
    increase,
    rate: lastedMs > 0 ? increase / (lastedMs / 1_000) : undefined,
    timeMean: lastedMs > 0 ? integral / lastedMs : sorted.at(-1)!.value,
    absoluteSum: readings.reduce((sum, { value }) => sum + Math.abs(value), 0),
    heldMean: lastedMs > 0 ? heldSum / lastedMs : 0,
  };
}

function expectExact(increase: Increase, timeMean: TimeMean, readings: readonly Reading[]): void {
  const expected = plain(readings);
  const is = increase.results();
  expect(Math.abs(is.increase - expected.increase)).toBeLessThanOrEqual(1e-12 * expected.absoluteSum);
  if (expected.rate === undefined) expect(is).not.toHaveProperty("rate");
  else expect(is.rate).toBeCloseTo(expected.rate, 6);
  expect(Math.abs(timeMean.results().timeMean - expected.timeMean)).toBeLessThanOrEqual(
    1e-12 * expected.heldMean,
  );
}

const value = fc.oneof(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.integer({ min: 0, max: 9 }));
const reading = fc.record({ value, timeMs: fc.integer({ min: 0, max: 60 }) });
const readings = fc.array(reading, { minLength: 1, maxLength: 50 });

test("in order, in pieces that come in any order: exact, and the same to the bit", () => {
  const cuts = fc.array(fc.nat(50), { maxLength: 8 });
  fc.assert(
    fc.property(readings, cuts, fc.infiniteStream(fc.nat()), (all, cuts, shuffle) => {
      const sorted = [...all].sort(byTime);
      const bounds = [0, ...cuts.map((cut) => cut % sorted.length).sort((a, b) => a - b), sorted.length];
      const pieces = bounds.slice(1).map((end, index) => sorted.slice(bounds[index], end));
      const shuffled = pieces
        .map((piece) => ({ piece, place: shuffle.next().value }))
        .sort((a, b) => a.place - b.place)
        .map(({ piece }) => piece);
      const increases = shuffled.map((piece) => told(new Increase(), piece));
      const means = shuffled.map((piece) => told(new TimeMean(), piece));
      const increase = merged(new Increase(), increases);
      const timeMean = merged(new TimeMean(), means);
      expect(increase.results().inexact).toBe(0);
      expect(timeMean.results().inexact).toBe(0);
      expectExact(increase, timeMean, all);
      expect(merged(new Increase(), increases.reverse()).encode()).toEqual(increase.encode());
      expect(merged(new TimeMean(), means.reverse()).encode()).toEqual(timeMean.encode());
    }),
  );
});

test("in any order: exact while it says so, and finite, counted and within the bounds otherwise", () => {
  fc.assert(
    fc.property(fc.array(readings, { minLength: 1, maxLength: 4 }), (parts) => {
      const increase = merged(
        new Increase(),
        parts.map((part) => told(new Increase(), part)),
      );
      const timeMean = merged(
        new TimeMean(),
        parts.map((part) => told(new TimeMean(), part)),
      );
      const all = parts.flat();
      const { inexact } = increase.results();
      expect(timeMean.results().inexact).toBe(inexact);
      if (inexact === 0) return expectExact(increase, timeMean, all);
      expect(Number.isFinite(increase.results().increase)).toBe(true);
      const mean = timeMean.results().timeMean;
      const slack = 1e-6;
      expect(mean).toBeGreaterThanOrEqual(Math.min(...all.map((one) => one.value)) - slack);
      expect(mean).toBeLessThanOrEqual(Math.max(...all.map((one) => one.value)) + slack);
    }),
  );
});

test("a counter that was read from two sides loses nothing but resets that only one of them saw", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 100 }), fc.boolean()), {
    minLength: 2,
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, (steps) => {
      let total = 0;
      const all = steps.map(([step], index) => at(index, (total += step)));
      const sides = [true, false].map((side) =>
        told(
          new Increase(),
          all.filter((_, index) => steps[index][1] === side),
        ),
      );
      expect(merged(new Increase(), sides).results().increase).toBe(total - steps[0][0]);
    }),
  );
});

describe("increase", () => {
  test("a counter that fell counts as its new value", () => {
    const { increase, rate } = told(new Increase(), [
      at(0, 90),
      at(1_000, 100),
      at(2_000, 5),
      at(4_000, 7),
    ]).results();
    expect([increase, rate]).toEqual([17, 4.25]);
  });

  test("one reading, or several at one time, has no rate; of those the greater value is the later", () => {
    expect(told(new Increase(), [at(5, 3)]).results()).toEqual({ increase: 0, inexact: 0 });
    expect(told(new Increase(), [at(5, 7), at(5, 3)]).results()).toEqual({ increase: 4, inexact: 0 });
  });

  test("a reset in a gap is seen when what lay in the gap comes", () => {
    const sketch = told(new Increase(), [at(0, 10), at(10, 20)]);
    sketch.merge(told(new Increase(), [at(30, 50), at(40, 60)]));
    expect(sketch.results().increase).toBe(50);
    sketch.merge(told(new Increase(), [at(20, 45), at(25, 5)]));
    expect(sketch.results()).toEqual({ increase: 95, inexact: 0, rate: 95 / 0.04 });
  });

  test("a reading inside a run changes nothing and is counted; one that equals its end is in it already", () => {
    const sketch = told(new Increase(), [at(0, 10), at(10, 20), at(20, 30)]);
    const before = sketch.results();
    sketch.add(30, 20);
    sketch.add(10, 0);
    expect(sketch.results()).toEqual(before);
    sketch.add(25, 10);
    expect(sketch.results()).toEqual({ ...before, inexact: 1 });
  });

  test("two runs that touch in one reading go on exactly", () => {
    const [a, b] = [
      told(new Increase(), [at(0, 10), at(10, 20)]),
      told(new Increase(), [at(10, 20), at(20, 3)]),
    ];
    const point = told(new Increase(), [at(10, 20)]);
    for (const order of [
      [a, b, point],
      [point, b, a],
      [b, point, a],
    ]) {
      expect(merged(new Increase(), order).results()).toEqual({ increase: 13, inexact: 0, rate: 650 });
      expect(merged(new Increase(), order).encode()).toEqual(merged(new Increase(), [a, b]).encode());
    }
  });

  test("beyond the range of float64 there is no increase, and it stays so", () => {
    const sketch = told(new Increase(), [at(0, -1.7e308), at(1, 1.7e308)]);
    expect(sketch.results()).toEqual({ inexact: 0 });
    const back = increaseKind.decode(sketch.encode()) as Increase;
    expect(told(back, [at(2, 1.7e308)]).results()).toEqual({ inexact: 0 });
  });
});

describe("timeMean", () => {
  test("each value holds until the next", () => {
    expect(told(new TimeMean(), [at(0, 10), at(30, 50), at(40, 1e9)]).results()).toEqual({
      timeMean: 20,
      inexact: 0,
    });
    expect(told(new TimeMean(), [at(5, 3), at(5, 7)]).results()).toEqual({ timeMean: 7, inexact: 0 });
  });

  test("of two runs that overlap, the second counts with its share beyond the first", () => {
    const a = told(new TimeMean(), [at(0, 10), at(20, 10)]);
    const b = told(new TimeMean(), [at(10, 40), at(30, 40)]);
    expect(merged(new TimeMean(), [b, a]).results()).toEqual({ timeMean: 20, inexact: 1 });
  });
});

describe("more than 64 runs", () => {
  // Every second reading first, each a run of its own; then those between them.
  const evens = (count: number) =>
    Array.from({ length: count }, (_, index) => at(20 * (count - index), index));

  test("are joined where they lie nearest, which is exact as long as nothing comes in between", () => {
    const all = evens(3 * RUNS_MAX);
    const [increase, timeMean] = [told(new Increase(), all), told(new TimeMean(), all)];
    expect(increase.results().inexact).toBe(0);
    expectExact(increase, timeMean, all);
    expect(increase.encode().length).toBeLessThanOrEqual(3 + RUNS_MAX * 49);
  });

  test("and what comes in between is counted", () => {
    const sketch = told(new Increase(), evens(RUNS_MAX + 2));
    const times = Array.from({ length: RUNS_MAX + 1 }, (_, index) => 20 * index + 30);
    told(
      sketch,
      times.map((timeMs) => at(timeMs, 0)),
    );
    expect(sketch.results().inexact).toBeGreaterThan(0);
  });
});

test("these bytes must be readable for ever", () => {
  const readings = [at(0, 1), at(1_000, 2.5), at(-5, 0)];
  const goldenOf = (gained: string) =>
    [
      "010002",
      "0000000000000014c00000000000000000",
      "010000000000000000000000000000f03f0000000000408f400000000000000440",
      gained,
      "0000000000000000",
    ].join("");
  const [increase, timeMean] = [told(new Increase(), readings), told(new TimeMean(), readings)];
  const goldenIncrease = goldenOf("000000000000f83f");
  const goldenTimeMean = goldenOf("0000000000408f40");
  expect(Buffer.from(increase.encode()).toString("hex")).toBe(goldenIncrease);
  expect(Buffer.from(timeMean.encode()).toString("hex")).toBe(goldenTimeMean);
  expect(increaseKind.decode(Buffer.from(goldenIncrease, "hex"))!.results()).toEqual(increase.results());
  expect(timeMeanKind.decode(Buffer.from(goldenTimeMean, "hex"))!.results()).toEqual(timeMean.results());
});
