// Sketches whose bins share a pool are the same as objects of their own, to the bit, whatever happens to their neighbours.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Quantiles } from "../quantiles.ts";
import { QuantileSlots } from "./quantile-slots.ts";

const hex = (sketch: { encode(): Uint8Array } | null) =>
  sketch === null ? null : Buffer.from(sketch.encode()).toString("hex");

function quantilesOf(values: readonly number[]): Quantiles {
  const sketch = new Quantiles();
  for (const value of values) sketch.add(value);
  return sketch;
}

const value = fc.oneof(
  fc.constantFrom(0, -0, 5e-324, 1, -1),
  fc.double({ noNaN: true, min: 20, max: 80 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
/** Mostly the same few slots, and some far beyond them. */
const slot = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 3 }) },
  fc.integer({ min: 60, max: 300 }),
);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      slot,
      values: fc.array(value, { maxLength: 40 }),
    }),
  },
  fc.record({ kind: fc.constantFrom("open" as const, "unknown" as const), slot }),
  // Doubled so often that bins need more than two bytes.
  fc.record({
    kind: fc.constant("merge" as const),
    slot,
    values: fc.array(value, { maxLength: 10 }),
    doublings: fc.nat(40),
  }),
);

test("the same bits as objects, whatever is opened, added, merged and closed in whatever order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, isBatch) => {
      const slots = new QuantileSlots();
      const expected = new Map<number, Quantiles | null>();
      for (const { slot: at, ...rest } of steps) {
        if (rest.kind === "open" || !expected.has(at)) {
          // What was there before is closed, mostly.
          if (expected.has(at) && isBatch) slots.close(at);
          slots.open(at);
          expected.set(at, new Quantiles());
        }
        if (rest.kind === "add") {
          const count = rest.values.length;
          const run = {
            place: new Uint32Array(count).fill(at),
            value: Float64Array.from(rest.values),
            timeMs: new Float64Array(count),
          };
          if (isBatch) slots.addRun(run, 0, count);
          for (const each of rest.values) {
            if (!isBatch) slots.add(at, each);
            expected.get(at)?.add(each);
          }
        } else if (rest.kind === "merge") {
          const from = quantilesOf(rest.values);
          for (let round = 0; round < rest.doublings; round++) from.merge(from.copy());
          const before = hex(from);
          slots.merge(at, from);
          expected.get(at)?.merge(from);
          expect(hex(from)).toBe(before);
        } else if (rest.kind === "unknown") {
          slots.merge(at, null);
          expected.set(at, null);
        }
      }
      for (const [at, sketch] of expected) expect(hex(slots.at(at))).toBe(hex(sketch));
    }),
    { numRuns: 300 },
  );
});

test("a bin goes on beyond two bytes, and its neighbours stay what they are", () => {
  const count = 70_000;
  for (const isBatch of [false, true]) {
    // In the middle, at the lower end, at the upper end.
    for (const many of [10, 1, 100]) {
      const slots = new QuantileSlots();
      for (const at of [1, 2]) slots.open(at);
      const expected = new Quantiles();
      slots.add(2, 7);
      for (const each of [10, 1, 100]) {
        slots.add(1, each);
        expected.add(each);
      }
      const run = {
        place: new Uint32Array(count).fill(1),
        value: new Float64Array(count).fill(many),
        timeMs: new Float64Array(count),
      };
      if (isBatch) slots.addRun(run, 0, count);
      for (let at = 0; at < count; at++) {
        if (!isBatch) slots.add(1, many);
        expected.add(many);
      }
      expect(hex(slots.at(1))).toBe(hex(expected));
      expect(hex(slots.at(2))).toBe(hex(quantilesOf([7])));
      slots.close(1);
      slots.open(1);
      expect(hex(slots.at(1))).toBe(hex(new Quantiles()));
    }
  }
});

test("bins that were given back serve other slots empty", () => {
  const slots = new QuantileSlots();
  for (let round = 0; round < 50; round++) {
    for (let at = 1; at <= 200; at++) {
      slots.open(at);
      for (let count = 0; count < 5; count++) slots.add(at, (at + round) * 1.1 ** (count * round));
    }
    for (let at = 1; at <= 200; at++) {
      const values = Array.from({ length: 5 }, (_, count) => (at + round) * 1.1 ** (count * round));
      expect(hex(slots.at(at))).toBe(hex(quantilesOf(values)));
      slots.close(at);
    }
  }
});
