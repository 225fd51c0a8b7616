// How many different inputs, from one to a million: exact first, then within the stated error.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SketchInput } from "../sketch.ts";
import { Distinct, DISTINCT, DISTINCT_MANY, distinctKind, distinctManyKind } from "./distinct.ts";
import { InputHash } from "./input-hash.ts";

const EXACT_MAX = DISTINCT.exactMax;
const STANDARD_ERROR = 1.04 / Math.sqrt(4_096);

function distinctOf(inputs: Iterable<SketchInput>): Distinct {
  const sketch = new Distinct();
  for (const input of inputs) sketch.add(input);
  return sketch;
}

function* numbers(from: number, count: number): Generator<number> {
  for (let index = 0; index < count; index++) yield from + index;
}

const bits = (sketch: Distinct) => Buffer.from(sketch.encode()).toString("hex");

test("exact up to 64, however it is split; 1 and its text differ, 0 and -0 do not", () => {
  const input = fc.oneof(
    fc.integer({ min: -20, max: 20 }),
    fc.integer({ min: -20, max: 20 }).map(String),
    fc.constantFrom(0, -0, "", "\ud800", "\ud801"),
  );
  const inputs = fc.array(input, { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(inputs, { minLength: 1, maxLength: 5 }), (parts) => {
      const sketch = new Distinct();
      for (const part of parts) sketch.merge(distinctOf(part));
      const different = new Set(parts.flat()).size;
      expect(bits(sketch)).toBe(bits(distinctOf(parts.flat())));
      if (different <= EXACT_MAX) expect(sketch.results().distinct ?? 0).toBe(different);
      else expect(sketch.results().distinct).toBeGreaterThan(EXACT_MAX);
    }),
  );
  expect(distinctOf([0, -0, "0", "-0"]).results()).toEqual({ distinct: 3, distinctError: 0 });
});

test("from 65 to a million the standard error is 1.6 %, and no estimate is off by more than four times that", () => {
  const sizes = [
    65, 100, 200, 500, 1_000, 2_000, 5_000, 8_000, 10_000, 13_000, 20_000, 50_000, 100_000, 1_000_000,
  ];
  let squares = 0;
  let trials = 0;
  let bias = 0;
  for (const size of sizes) {
    for (let trial = 0; trial < Math.min(20, 1_000_000 / size); trial++) {
      const sketch = distinctOf(numbers(1e9 * (trial + 1), size));
      const error = sketch.results().distinct / size - 1;
      expect(Math.abs(error), `${size} inputs`).toBeLessThan(4 * STANDARD_ERROR);
      squares += error ** 2;
      bias += error;
      trials++;
    }
  }
  expect(trials).toBeGreaterThan(200);
  expect(Math.sqrt(squares / trials)).toBeLessThan(STANDARD_ERROR);
  expect(Math.abs(bias / trials)).toBeLessThan((3 * STANDARD_ERROR) / Math.sqrt(trials));
});

test("texts that look alike are as good as any", () => {
  for (const size of [300, 3_000, 30_000]) {
    const sketch = distinctOf([...numbers(0, size)].map((index) => `factory/alpha/line-1/machine-${index}`));
    expect(Math.abs(sketch.results().distinct / size - 1)).toBeLessThan(4 * STANDARD_ERROR);
  }
});

test("beyond 64 too, merging gives the very bits of one sketch that was told all, in each of its forms", () => {
  const range = fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 3_000 }));
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 4 }), (ranges) => {
      const parts = ranges.map(([from, count]) => distinctOf(numbers(from, count)));
      const forward = new Distinct();
      for (const part of parts) forward.merge(part);
      const backward = parts.reduceRight((all, part) => {
        const merged = part.copy();
        merged.merge(all);
        return merged;
      }, new Distinct());
      const all = distinctOf(ranges.flatMap(([from, count]) => [...numbers(from, count)]));
      expect(bits(forward)).toBe(bits(all));
      expect(bits(backward)).toBe(bits(all));
      expect(bits(distinctKind.decode(all.encode()) as Distinct)).toBe(bits(all));
    }),
    { numRuns: 50 },
  );
});

test("small states take few bytes", () => {
  const bytesOf = (size: number) => distinctOf(numbers(0, size)).encode().length;
  expect([bytesOf(0), bytesOf(1), bytesOf(64)]).toEqual([2, 10, 514]);
  expect(bytesOf(100)).toBeLessThan(210);
  expect(bytesOf(1_000)).toBeLessThan(1_900);
  expect(bytesOf(100_000)).toBe(3_073);
});

test("changed bytes of the two forms of registers are refused, or are what it writes itself", () => {
  const states = [100, 1_500, 2_000, 50_000].map((size) => distinctOf(numbers(0, size)).encode());
  const change = fc.record({ at: fc.nat(3_072), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.constantFrom(...states), fc.array(change, { maxLength: 3 }), (state, changes) => {
      const bytes = state.slice();
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      const sketch = distinctKind.decode(bytes);
      if (sketch !== undefined) expect(Buffer.from(sketch.encode())).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 300 },
  );
  const full = new Uint8Array(3_073).fill(0xff);
  full[0] = 3;
  expect(distinctKind.decode(full)).toBeUndefined();
  // 4,096 registers of 53: more than anybody counts, and still a number.
  for (let at = 1; at < full.length; at += 3) full.set([0x75, 0x5d, 0xd7], at);
  expect(distinctKind.decode(full)!.results()).toMatchObject({ distinct: Number.MAX_SAFE_INTEGER });
});

function manyOf(inputs: Iterable<SketchInput>): Distinct {
  const sketch = new Distinct(DISTINCT_MANY);
  for (const input of inputs) sketch.add(input);
  return sketch;
}

test("distinctMany is exact to 16,384 in any order, then says its standard error of 0.8 % and keeps within four times that", () => {
  const { exactMax } = DISTINCT_MANY;
  const halves = [numbers(8_000, 8_384), numbers(0, 12_000)].map((part) => manyOf(part));
  const merged = new Distinct(DISTINCT_MANY);
  for (const half of halves) merged.merge(half);
  expect(merged.results()).toEqual({ distinct: exactMax, distinctError: 0 });
  expect(bits(merged)).toBe(bits(manyOf(numbers(0, exactMax))));
  merged.merge(manyOf(numbers(exactMax, 1)));
  expect(merged.results().distinctError).toBeGreaterThan(0);
  for (const size of [exactMax + 1, 20_000, 50_000, 200_000, 1_000_000]) {
    const sketch = manyOf(numbers(1e9 * size, size));
    const { distinct, distinctError } = sketch.results();
    expect(distinctError / distinct).toBeCloseTo(0.008125, 6);
    expect(Math.abs(distinct - size)).toBeLessThan(4 * distinctError);
    expect(sketch.encode().length).toBeLessThanOrEqual(12_289);
    expect(bits(distinctManyKind.decode(sketch.encode()) as Distinct)).toBe(bits(sketch));
  }
  expect(() => merged.merge(new Distinct())).toThrow("merges with its own kind");
});

test("distinctMany: these bytes must be readable for ever", () => {
  const golden = "0102d498d51c93cf8d607e8ad55a08713354";
  expect(bits(manyOf([0, 1]))).toBe(golden);
  expect(distinctManyKind.decode(Buffer.from(golden, "hex"))!.results().distinct).toBe(2);
});

test("the hash is MurmurHash3_x86_128's, for ever", () => {
  const hash = new InputHash();
  const hashOf = (input: SketchInput) => {
    hash.take(input);
    return [hash.high, hash.low].map((half) => half.toString(16).padStart(8, "0")).join(" ");
  };
  // As mmh3 (Python) has them, seed 1 for numbers and 2 for texts.
  expect(hashOf(0)).toBe("5ad58a7e 54337108");
  expect(hashOf(-0)).toBe("5ad58a7e 54337108");
  expect(hashOf(1)).toBe("1cd598d4 608dcf93");
  expect(hashOf(-1.5)).toBe("f4a12602 e1a3a344");
  expect(hashOf("")).toBe("04a872bb edcd774b");
  expect(hashOf("a")).toBe("49db9b04 1c5281c5");
  expect(hashOf("factory")).toBe("fa191708 c15c7ecf");
  expect(hashOf("line 1/x")).toBe("2c11d594 c64f8cac");
  expect(hashOf("conveyor-belt 17!")).toBe("ab4f57d7 2d6a3f60");
});
