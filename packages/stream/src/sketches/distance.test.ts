// The way from position to position: that of the list in order of time, in whatever order and parts it came.
import fc from "fast-check";
import { expect, test } from "vitest";
import { greatCircleKm } from "../geo/great-circle.ts";
import { packPosition, unpackPosition } from "../geo/position.ts";
import { Distance, distanceKind, POSITIONS_MAX } from "./distance.ts";

interface Seen {
  readonly timeMs: number;
  readonly packed: number;
}

const place = fc
  .record({
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  })
  .map(({ longitude, latitude }) => packPosition(longitude, latitude));
/** Each time once: of two positions at one time neither is the later. */
const drive = fc.uniqueArray(
  fc.record({ timeMs: fc.integer({ min: -10_000, max: 10_000 }), packed: place }),
  {
    maxLength: 60,
    selector: ({ timeMs }) => timeMs,
  },
);

/** The definition: pair by pair in order of time. */
function wayKm(seen: readonly Seen[]): number {
  const ordered = seen.toSorted((a, b) => a.timeMs - b.timeMs).map(({ packed }) => unpackPosition(packed));
  return ordered.slice(1).reduce((sum, to, at) => sum + greatCircleKm(ordered[at], to), 0);
}

function told(seen: readonly Seen[], sketch = new Distance()): Distance {
  for (const { timeMs, packed } of seen) sketch.add(packed, timeMs);
  return sketch;
}

test("any order, parts that overlap in time, and repetitions: the way of the list, and the very bits", () => {
  const parted = drive.chain((seen) =>
    fc.record({
      seen: fc.constant(seen),
      parts: fc.array(
        fc.subarray(seen).chain((part) => fc.shuffledSubarray(part, { minLength: part.length })),
        {
          maxLength: 4,
        },
      ),
    }),
  );
  fc.assert(
    fc.property(parted, ({ seen, parts }) => {
      const all = new Distance();
      for (const part of parts) all.merge(told(part));
      all.merge(told(seen.toReversed()));
      expect(Buffer.from(all.encode())).toEqual(Buffer.from(told(seen).encode()));
      if (seen.length === 0) {
        expect(all.results()).toEqual({});
        return;
      }
      const km = wayKm(seen);
      expect(all.results().inexact).toBe(0);
      expect(Math.abs(all.results().distance - km)).toBeLessThanOrEqual(1e-12 * km);
    }),
  );
});

const along = (count: number): Seen[] =>
  Array.from({ length: count }, (_, at) => ({
    timeMs: 10_000 * at,
    packed: packPosition(100 + at / 1_000, 30),
  }));

test("more than 512 positions take bounded bytes; in order, or late where nothing was joined, the way is exact", () => {
  const seen = along(3 * POSITIONS_MAX);
  const sketch = told(seen);
  expect(sketch.encode().length).toBeLessThanOrEqual(4 + POSITIONS_MAX * 49);
  expect(sketch.results().inexact).toBe(0);
  expect(sketch.results().distance).toBeCloseTo(wayKm(seen), 9);
  const later: Seen = { timeMs: 10_000 * seen.length, packed: packPosition(0, 0) };
  const last: Seen = { timeMs: later.timeMs + 10_000, packed: packPosition(0, 1) };
  expect(told([last, later], sketch).results().inexact).toBe(0);
  expect(sketch.results().distance).toBeCloseTo(wayKm([...seen, later, last]), 9);
});

test("what comes between positions that were joined is counted, and changes no way that was told", () => {
  const sketch = told(along(2 * POSITIONS_MAX));
  const { distance } = sketch.results();
  told([{ timeMs: 5_000, packed: packPosition(0, 0) }], sketch);
  expect(sketch.results()).toEqual({ distance, inexact: 1 });
});

test("one position is no way; a truck that stands goes none", () => {
  expect(told(along(1)).results()).toEqual({ distance: 0, inexact: 0 });
  const standing = along(30).map(({ timeMs }) => ({ timeMs, packed: packPosition(116.40723, 39.90421) }));
  expect(told(standing).results()).toEqual({ distance: 0, inexact: 0 });
});

test("these bytes must be readable for ever", () => {
  const seen = [
    { timeMs: 0, packed: packPosition(116.407, 39.904) },
    { timeMs: 10_000, packed: packPosition(121.474, 31.23) },
  ];
  const golden = "010002000000000000000000805d68d793ad344300000000000088c340182ce77bff933543";
  expect(Buffer.from(told(seen).encode()).toString("hex")).toBe(golden);
  // 北京 to 上海.
  expect(distanceKind.decode(Buffer.from(golden, "hex"))!.results().distance).toBeCloseTo(1_067.36, 2);
});
