// What every sketch owes: the laws of a commutative monoid, bytes that come back, and no harm from bytes that are not its own.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Sketch, SketchInput, SketchKind, SketchName } from "../sketch.ts";
import { sketchById, SKETCHES } from "./table.ts";

interface Told {
  readonly input: SketchInput;
  readonly timeMs: number;
}

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ noNaN: true, min: -1000, max: 1000 }),
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(0, -0, 5e-324, -5e-324, 2 ** -1022, Number.MAX_VALUE, -Number.MAX_VALUE),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.constantFrom("", "1", "\ud800", "x".repeat(65), "x".repeat(66)),
);
const takesTexts = (name: SketchName) => name === "distinct" || name === "distinctMany" || name === "topk";

function tellings(name: SketchName, maxLength = 40): fc.Arbitrary<Told[]> {
  const input: fc.Arbitrary<SketchInput> = takesTexts(name) ? fc.oneof(number, text) : number;
  return fc.array(fc.record({ input, timeMs: fc.integer({ min: -9, max: 9 }) }), { maxLength });
}

/** Three that `merge` owes the very bits for: of runs, those that do not overlap. */
function threeOf(name: SketchName): fc.Arbitrary<[Told[], Told[], Told[]]> {
  const three = fc.tuple(tellings(name, 20), tellings(name, 20), tellings(name, 20));
  if (name !== "increase" && name !== "timeMean") return three;
  return three.chain(([a, b, c]) =>
    fc
      .shuffledSubarray([0, 100, 200], { minLength: 3 })
      .map(([x, y, z]): [Told[], Told[], Told[]] => [inOrder(a, x), inOrder(b, y), inOrder(c, z)]),
  );
}

function inOrder(all: readonly Told[], shiftMs: number): Told[] {
  return all
    .map(({ input, timeMs }) => ({ input, timeMs: timeMs + shiftMs }))
    .sort((a, b) => a.timeMs - b.timeMs || Number(a.input) - Number(b.input));
}

function sketchOf({ create }: SketchKind, all: readonly Told[]): Sketch {
  const sketch = create();
  for (const { input, timeMs } of all) sketch.add(input, timeMs);
  return sketch;
}

function mergeOf(a: Sketch, b: Sketch): Sketch {
  const merged = a.copy();
  merged.merge(b);
  return merged;
}

const bits = (sketch: Sketch) => Buffer.from(sketch.encode()).toString("hex");

function expectSound({ results }: SketchKind, sketch: Sketch): void {
  for (const [key, one] of Object.entries(sketch.results())) {
    expect(results).toContain(key);
    expect(Number.isFinite(one)).toBe(true);
    expect(Object.is(one, -0)).toBe(false);
  }
  for (const { count, errorMax } of sketch.ranking?.() ?? []) {
    expect(Number.isFinite(count)).toBe(true);
    expect(errorMax >= 0 && errorMax < count).toBe(true);
  }
}

describe.each(Object.values(SKETCHES))("$name", (kind) => {
  const { name, create, decode } = kind;

  test("has a neutral element, to the bit, from either side, and no result without a reading", () => {
    expect(create().results()).toEqual({});
    fc.assert(
      fc.property(tellings(name), (all) => {
        const sketch = sketchOf(kind, all);
        expect(bits(mergeOf(sketch, create()))).toBe(bits(sketch));
        expect(bits(mergeOf(create(), sketch))).toBe(bits(sketch));
      }),
    );
  });

  test("merges in any order and grouping to the very bits", () => {
    fc.assert(
      fc.property(threeOf(name), ([a, b, c]) => {
        const [x, y, z] = [sketchOf(kind, a), sketchOf(kind, b), sketchOf(kind, c)];
        const left = mergeOf(mergeOf(x, y), z);
        expect(bits(left)).toBe(bits(mergeOf(x, mergeOf(y, z))));
        expect(bits(left)).toBe(bits(mergeOf(z, mergeOf(y, x))));
        expect(left.results()).toEqual(mergeOf(z, mergeOf(x, y)).results());
      }),
    );
  });

  test("merges two to the very bits, whichever into which, and leaves the other as it was", () => {
    fc.assert(
      fc.property(tellings(name, 120), tellings(name, 120), (a, b) => {
        const [x, y] = [sketchOf(kind, a), sketchOf(kind, b)];
        const before = bits(y);
        const merged = mergeOf(x, y);
        expect(bits(y)).toBe(before);
        expect(bits(mergeOf(y, x))).toBe(bits(merged));
        for (const { input, timeMs } of b) merged.add(input, timeMs);
        expect(bits(y)).toBe(before);
      }),
    );
  });

  test("comes back from its bytes to the bit, and goes on the same", () => {
    fc.assert(
      fc.property(tellings(name, 120), tellings(name), (all, more) => {
        const sketch = sketchOf(kind, all);
        const back = decode(sketch.encode())!;
        expect(bits(back)).toBe(bits(sketch));
        expect(back.results()).toEqual(sketch.results());
        expect(back.ranking?.()).toEqual(sketch.ranking?.());
        for (const { input, timeMs } of more) {
          back.add(input, timeMs);
          sketch.add(input, timeMs);
        }
        expect(bits(back)).toBe(bits(sketch));
      }),
    );
  });

  test("gives finite numbers only, under the names it states", () => {
    fc.assert(fc.property(tellings(name, 120), (all) => expectSound(kind, sketchOf(kind, all))));
  });

  test("takes from junk, and from its own bytes with some changed, only what it writes itself", () => {
    const change = fc.record({
      at: fc.nat(2_000),
      byte: fc.nat(255),
      cut: fc.constantFrom(0, 0, 1),
      add: fc.nat(1),
    });
    const changed = fc
      .tuple(tellings(name, 120), fc.array(change, { minLength: 1, maxLength: 3 }))
      .map(([all, changes]) => {
        const bytes = [...sketchOf(kind, all).encode()];
        for (const { at, byte, cut, add } of changes)
          bytes.splice(at % bytes.length, cut + add, ...(add === 1 ? [byte] : []));
        return Uint8Array.from(bytes);
      });
    const headed = fc
      .tuple(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 200 }))
      .map(([form, bytes]) => Uint8Array.of(form, ...bytes));
    const sketches = tellings(name);
    fc.assert(
      fc.property(fc.oneof(changed, headed, fc.uint8Array({ maxLength: 9 })), sketches, (bytes, all) => {
        const sketch = decode(bytes);
        if (sketch === undefined) return;
        expect(Buffer.from(sketch.encode())).toEqual(Buffer.from(bytes));
        expectSound(kind, sketch);
        const merged = mergeOf(sketch, sketchOf(kind, all));
        for (const { input, timeMs } of all) merged.add(input, timeMs);
        expectSound(kind, merged);
        expect(decode(merged.encode())).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
  });

  test("refuses what is not finite, and another kind", () => {
    for (const junk of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => create().add(junk, 0)).toThrow("finite numbers");
    if (!takesTexts(name)) expect(() => create().add("1", 0)).toThrow("finite numbers");
    const other = name === "topk" ? SKETCHES.distinct : SKETCHES.topk;
    expect(() => create().merge(other.create())).toThrow("merge");
  });
});

test("numbers and names are unique and find each other", () => {
  for (const [name, kind] of Object.entries(SKETCHES)) {
    expect(kind.name).toBe(name);
    expect(kind.create().name).toBe(name);
    expect(sketchById(kind.id)).toBe(kind);
  }
  expect(Object.values(SKETCHES).map(({ id }) => id)).toEqual([8, 9, 10, 11, 12, 17, 18]);
  expect(sketchById(1)).toBeUndefined();
});
