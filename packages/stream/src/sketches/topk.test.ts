// The most frequent inputs: what the ranking promises, after any splits and merges.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SketchInput } from "../sketch.ts";
import { COUNTERS_MAX, TEXT_UNITS_MAX, Topk, topkKind } from "./topk.ts";

function topkOf(inputs: readonly SketchInput[]): Topk {
  const sketch = new Topk();
  for (const input of inputs) sketch.add(input);
  return sketch;
}

function countsOf(inputs: readonly SketchInput[]): Map<SketchInput, number> {
  const counts = new Map<SketchInput, number>();
  for (const input of inputs) counts.set(input, (counts.get(input) ?? 0) + 1);
  return counts;
}

function expectPromises(sketch: Topk, inputs: readonly SketchInput[]): void {
  const counts = countsOf(inputs);
  const ranking = sketch.ranking();
  const share = inputs.length / (COUNTERS_MAX + 1);
  expect(ranking.length).toBeLessThanOrEqual(COUNTERS_MAX);
  for (const [index, { input, count, errorMax }] of ranking.entries()) {
    const truly = counts.get(input)!;
    expect(truly).toBeLessThanOrEqual(count);
    expect(truly).toBeGreaterThanOrEqual(count - errorMax);
    expect(errorMax).toBeLessThanOrEqual(share);
    if (index > 0) expect(count).toBeLessThanOrEqual(ranking[index - 1].count);
  }
  const ranked = new Set(ranking.map(({ input }) => input));
  for (const [input, count] of counts) if (count > share) expect(ranked).toContain(input);
}

/** Some often, many seldom. */
const skewed = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 }))
    .map(([a, b]) => Math.floor(a / b)),
  { maxLength: 600, size: "max" },
);

test("the true count lies within the stated error, and nothing frequent is missing, after any splits and merges", () => {
  fc.assert(
    fc.property(fc.array(skewed, { minLength: 1, maxLength: 6 }), fc.boolean(), (parts, isInPairs) => {
      let sketches = parts.map(topkOf);
      while (sketches.length > 1) {
        const [a, b, ...others] = sketches;
        const merged = a.copy();
        merged.merge(b);
        sketches = isInPairs ? [...others, merged] : [merged, ...others];
      }
      expectPromises(sketches[0], parts.flat());
      expectPromises(topkOf(parts.flat()), parts.flat());
    }),
    { numRuns: 60 },
  );
});

test("at the worst for it, all alike, the promises hold too", () => {
  const inputs = Array.from({ length: 10_000 }, (_, index) => index % 130);
  expectPromises(topkOf(inputs), inputs);
  const halves = topkOf(inputs.slice(0, 5_000));
  halves.merge(topkOf(inputs.slice(5_000)));
  expectPromises(halves, inputs);
});

test("exact with at most 64 different inputs: numbers and texts apart, most frequent first", () => {
  const input = fc.oneof(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 15 }).map(String));
  fc.assert(
    fc.property(fc.array(fc.array(input, { maxLength: 50 }), { maxLength: 5 }), (parts) => {
      const sketch = new Topk();
      for (const part of parts) sketch.merge(topkOf(part));
      const counts = countsOf(parts.flat());
      expect(
        Object.fromEntries(sketch.ranking().map((one) => [typeof one.input + one.input, one.count])),
      ).toEqual(Object.fromEntries([...counts].map(([one, count]) => [typeof one + one, count])));
      expect(sketch.ranking().every(({ errorMax }) => errorMax === 0)).toBe(true);
    }),
  );
  expect(
    topkOf(["b", 7, "a", "b", 7, "7", -0, 0])
      .ranking()
      .map(({ input }) => input),
  ).toEqual([0, 7, "b", "7", "a"]);
  expect(topkOf(["b", "a", "b"]).results()).toEqual({ topCount: 2, topErrorMax: 0 });
});

test("texts that are too long stay apart and stay within the bound", () => {
  const long = "order/".repeat(20);
  const ranking = topkOf([`${long}1`, `${long}2`, `${long}1`, "x".repeat(TEXT_UNITS_MAX)]).ranking();
  expect(ranking.map(({ count }) => count)).toEqual([2, 1, 1]);
  expect(ranking.map(({ input }) => String(input).length)).toEqual([64, 64, 64]);
  expect(ranking[0].input).toMatch(/^order\/.*…[0-9a-f]{16}$/);
  // Cut in the middle of a pair, and half a pair to begin with: what is kept can be written as UTF-8.
  const halves = topkOf([`${"x".repeat(46)}${"😀".repeat(40)}`, "\ud83d"]);
  expect(topkKind.decode(halves.encode())!.ranking!()).toEqual(halves.ranking());
});

test("these bytes must be readable for ever", () => {
  const golden = "0142000300000000000000044001000101793f000102c3a90200";
  const sketch = topkOf([2.5, "é", "é", ...Array.from({ length: 63 }, () => "y")]);
  expect(Buffer.from(sketch.encode()).toString("hex")).toBe(golden);
  expect(topkKind.decode(Buffer.from(golden, "hex"))!.ranking!()).toEqual(sketch.ranking());
});
