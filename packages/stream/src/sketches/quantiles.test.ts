// Quantiles against the sorted readings, over the whole range of float64.
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAGNITUDE_MIN, magnitudeKey, middleOfKey, RELATIVE_ERROR } from "./quantiles/magnitude-key.ts";
import { Quantiles, quantilesKind } from "./quantiles.ts";

const SHARES = [0, 0.001, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];
const bits = (sketch: Quantiles) => Buffer.from(sketch.encode()).toString("hex");

/** Magnitudes from 2^from up, either sign. */
const spread = (from: number, to: number) =>
  fc
    .tuple(
      fc.integer({ min: from, max: to }),
      fc.double({ noNaN: true, min: 1, max: 2 }),
      fc.constantFrom(1, -1),
    )
    .map(([exponent, mantissa, sign]) => sign * mantissa * 2 ** exponent);

function quantilesOf(values: readonly number[]): Quantiles {
  const sketch = new Quantiles();
  for (const value of values) sketch.add(value);
  return sketch;
}

function merged(parts: readonly Quantiles[]): Quantiles {
  const all = new Quantiles();
  for (const part of parts) all.merge(part);
  return all;
}

/** The value of that rank, by definition. */
function exactly(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * values.length) - 1)] + 0;
}

test("a bin's middle is within 1 % of everything in it, up to the bounds", () => {
  const allowed = RELATIVE_ERROR * (1 + 1e-12);
  expect(magnitudeKey(2) - magnitudeKey(1)).toBe(35);
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: MAGNITUDE_MIN, max: Number.MAX_VALUE }), (magnitude) => {
      const key = magnitudeKey(magnitude);
      expect(Math.abs(middleOfKey(key) - magnitude)).toBeLessThanOrEqual(allowed * magnitude);
      expect(magnitudeKey(middleOfKey(key))).toBe(key);
    }),
  );
  // Each of the 2,048 cells of an octave, from its first number to its last.
  for (let cell = 2_048; cell < 4_096; cell++) {
    for (const magnitude of [cell / 2_048, ((cell + 1) / 2_048) * (1 - Number.EPSILON / 2)]) {
      const middle = middleOfKey(magnitudeKey(magnitude));
      expect(Math.abs(middle - magnitude) <= allowed * magnitude).toBe(true);
      expect(magnitudeKey(magnitude)).toBeGreaterThanOrEqual(magnitudeKey(cell / 2_048));
    }
  }
});

test("every quantile is within 1 % of the reading of that rank, however it is split; the ends are exact", () => {
  const values = fc.array(fc.oneof(spread(-28, 28), fc.constantFrom(0, -0, 1, -1)), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 5 }), (parts) => {
      const all = parts.flat();
      const sketch = merged(parts.map(quantilesOf));
      expect(bits(sketch)).toBe(bits(quantilesOf(all)));
      if (all.length === 0) {
        expect(sketch.quantile(0.5)).toBeUndefined();
        return;
      }
      expect(sketch.quantile(0)).toBe(exactly(all, 0));
      expect(sketch.quantile(1)).toBe(exactly(all, 1));
      for (const share of SHARES) {
        const exact = exactly(all, share);
        const allowed = RELATIVE_ERROR * (1 + 1e-12) * Math.abs(exact);
        expect(Math.abs(sketch.quantile(share)! - exact)).toBeLessThanOrEqual(allowed);
      }
    }),
  );
});

test("with a wider span than it has bins: the same bits in any order, and what lies lowest is off by 2^-58 of the greatest", () => {
  const values = fc.array(spread(-1022, 1022), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(values, values, values, fc.infiniteStream(fc.nat()), (a, b, c, shuffle) => {
      const all = [...a, ...b, ...c];
      const sketch = quantilesOf(all);
      const shuffled = all
        .map((value) => ({ value, place: shuffle.next().value }))
        .sort((x, y) => x.place - y.place)
        .map(({ value }) => value);
      const [x, y, z] = [quantilesOf(a), quantilesOf(b), quantilesOf(c)];
      expect(bits(quantilesOf(shuffled))).toBe(bits(sketch));
      expect(bits(merged([x, merged([y, z])]))).toBe(bits(sketch));
      expect(bits(merged([merged([z, x]), y]))).toBe(bits(sketch));
      expect(bits(quantilesKind.decode(sketch.encode()) as Quantiles)).toBe(bits(sketch));
      for (const share of SHARES) {
        const exact = exactly(all, share);
        const ofSign = all.filter((value) => value > 0 === exact > 0).map(Math.abs);
        const allowed = Math.max(
          RELATIVE_ERROR * (1 + 1e-12) * Math.abs(exact),
          Math.max(...ofSign) * 2 ** -58,
        );
        expect(Math.abs(sketch.quantile(share)! - exact)).toBeLessThanOrEqual(allowed);
      }
    }),
    { numRuns: 300 },
  );
});

test("a bin goes on beyond 2^32", () => {
  const sketch = quantilesOf([1, 2, 3, -4]);
  // Doubled, 40 times.
  for (let round = 0; round < 40; round++) sketch.merge(sketch.copy());
  sketch.add(1);
  expect(sketch.quantile(1 / 4 - 1e-9)).toBe(-4);
  expect(sketch.quantile(1 / 4 + 1e-9)).toBeCloseTo(1, 1);
  expect(sketch.quantile(0.5 + 1e-9)).toBeCloseTo(2, 1);
  expect(bits(quantilesKind.decode(sketch.encode()) as Quantiles)).toBe(bits(sketch));
});

test("a thousand readings between 20 and 80 take few bytes", () => {
  const sketch = quantilesOf(Array.from({ length: 1_000 }, (_, index) => 20 + ((index * 7_919) % 60)));
  expect(sketch.encode().length).toBeLessThan(110);
});

test("these bytes must be readable for ever", () => {
  const golden = [
    "0101",
    "2fdd9702000000000000f03f0000000000000440",
    "02002d01",
    "0194980200000000000008400000000000000840",
    "01",
  ].join("");
  const sketch = quantilesOf([0, 1, 1, 2.5, -3]);
  expect(bits(sketch)).toBe(golden);
  expect(quantilesKind.decode(Buffer.from(golden, "hex"))!.results()).toEqual(sketch.results());
});
