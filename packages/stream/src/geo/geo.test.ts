// Places on the earth: packed and unpacked, how far apart, and in which zone.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EARTH_RADIUS_KM, greatCircleKm } from "./great-circle.ts";
import { packPosition, unpackPosition } from "./position.ts";
import type { LongitudeLatitude, ZoneSpec } from "./zone.ts";
import { OUTSIDE, Zones } from "./zones.ts";

const place = fc.record({
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
});

test("a packed position is within half of 2 millionths of a degree; with five decimals it comes back to the digit", () => {
  fc.assert(
    fc.property(place, ({ longitude, latitude }) => {
      const packed = packPosition(longitude, latitude);
      expect(Number.isSafeInteger(packed)).toBe(true);
      const back = unpackPosition(packed);
      expect(Math.abs(back.longitude - longitude)).toBeLessThan(1.0001e-6);
      expect(Math.abs(back.latitude - latitude)).toBeLessThan(1.0001e-6);
      expect(packPosition(back.longitude, back.latitude)).toBe(packed);
      const [east, north] = [Math.round(longitude * 1e5) / 1e5, Math.round(latitude * 1e5) / 1e5];
      const decimal = unpackPosition(packPosition(east, north));
      expect(decimal.longitude.toFixed(5)).toBe((east + 0).toFixed(5));
      expect(decimal.latitude.toFixed(5)).toBe((north + 0).toFixed(5));
    }),
  );
});

test("great circles: a quarter of the earth, its antipodes, known cities; the same both ways", () => {
  const at = (longitude: number, latitude: number) => ({ longitude, latitude });
  expect(greatCircleKm(at(0, 0), at(0, 90))).toBeCloseTo((EARTH_RADIUS_KM * Math.PI) / 2, 6);
  expect(greatCircleKm(at(0, 0), at(180, 0))).toBeCloseTo(EARTH_RADIUS_KM * Math.PI, 6);
  // Across the 180th meridian: 0.2 degrees of the equator.
  expect(greatCircleKm(at(179.9, 0), at(-179.9, 0))).toBeCloseTo(22.239, 3);
  expect(greatCircleKm(at(9.993, 53.551), at(11.582, 48.135))).toBeCloseTo(612.4, 0);
  expect(greatCircleKm(at(116, 39), at(116, 39.000001)) * 1e3).toBeCloseTo(0.1112, 3);
  fc.assert(
    fc.property(place, place, (a, b) => {
      expect(greatCircleKm(a, b)).toBe(greatCircleKm(b, a));
      expect(greatCircleKm(a, a)).toBe(0);
      expect(greatCircleKm(a, b)).toBeLessThanOrEqual(EARTH_RADIUS_KM * Math.PI * 1.000001);
    }),
  );
});

function polygon(name: string, ...rings: readonly LongitudeLatitude[][]): ZoneSpec {
  return { name, shape: { kind: "polygon", rings } };
}
const square = (west: number, south: number, east: number, north: number): LongitudeLatitude[] => [
  [west, south],
  [east, south],
  [east, north],
  [west, north],
  [west, south],
];
const nameAt = (zones: readonly ZoneSpec[], longitude: number, latitude: number): string => {
  const all = new Zones(zones);
  return all.names[all.at({ longitude, latitude })];
};

describe("zones", () => {
  test("circles: by the way from their centre, the rim included, over poles and the 180th meridian", () => {
    const circle = (center: LongitudeLatitude, radiusKm: number): ZoneSpec => ({
      name: "z",
      shape: { kind: "circle", center, radiusKm },
    });
    fc.assert(
      fc.property(
        place,
        place,
        fc.double({ min: 0.01, max: 20_000, noNaN: true }),
        (center, at, radiusKm) => {
          const zone = circle([center.longitude, center.latitude], radiusKm);
          const expected = greatCircleKm(center, at) <= radiusKm ? "z" : OUTSIDE;
          expect(nameAt([zone], at.longitude, at.latitude)).toBe(expected);
        },
      ),
    );
    expect(nameAt([circle([179.95, 10], 20)], -179.95, 10)).toBe("z");
    expect(nameAt([circle([0, 89.95], 20)], 180, 89.95)).toBe("z");
  });

  test("polygons: holes are outside, a notch too, whichever way the ring goes round", () => {
    const ring = square(0, 0, 10, 10);
    const zone = polygon("z", ring, square(4, 4, 6, 6));
    const turned = polygon("z", ring.toReversed(), square(4, 4, 6, 6).toReversed());
    for (const each of [zone, turned]) {
      expect(nameAt([each], 1, 1)).toBe("z");
      expect(nameAt([each], 5, 5)).toBe(OUTSIDE);
      expect(nameAt([each], 11, 5)).toBe(OUTSIDE);
    }
    const notched = polygon("z", [
      [0, 0],
      [10, 0],
      [10, 10],
      [5, 2],
      [0, 10],
      [0, 0],
    ]);
    expect([nameAt([notched], 5, 1), nameAt([notched], 5, 5), nameAt([notched], 1, 5)]).toEqual([
      "z",
      OUTSIDE,
      "z",
    ]);
  });

  test("a plane that is cut into polygons: every position is in exactly one, corners and edges too", () => {
    const grid = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 2, maxLength: 4 });
    const onGrid = fc.constantFrom(0.5, 1, 33, 50, 66, 99);
    fc.assert(
      fc.property(
        grid,
        fc.double({ min: 0.001, max: 99.9, noNaN: true }),
        onGrid,
        (cuts, longitude, other) => {
          // Slanted strips: neighbours share an edge that is written in both directions.
          const edges = [0, ...cuts.toSorted((a, b) => a - b), 100];
          const strips = edges.slice(1).map((east, at) =>
            polygon(`${at}`, [
              [edges[at], -60],
              [east, -60],
              [east + 30, 60],
              [edges[at] + 30, 60],
              [edges[at], -60],
            ]),
          );
          for (const [x, y] of [
            [longitude + 15, 0],
            [other + 15, 0],
            [longitude + 7.5, -30],
          ] as const)
            expect(strips.filter((strip) => nameAt([strip], x, y) !== OUTSIDE)).toHaveLength(1);
        },
      ),
    );
  });

  test("corridors: what is no further from the line than it is wide, round its bends and ends, over the 180th meridian", () => {
    const corridor = (line: LongitudeLatitude[], withinKm: number): ZoneSpec => ({
      name: "z",
      shape: { kind: "corridor", line, withinKm },
    });
    // Against the nearest of many places on the line.
    const stepsOf = (line: readonly LongitudeLatitude[]) =>
      line.slice(1).flatMap(([east, north], at) =>
        Array.from({ length: 4_001 }, (_, step) => ({
          longitude: line[at][0] + ((east - line[at][0]) * step) / 4_000,
          latitude: line[at][1] + ((north - line[at][1]) * step) / 4_000,
        })),
      );
    const near = fc.double({ min: -3, max: 3, noNaN: true });
    const place = fc.record({ east: near, north: near });
    fc.assert(
      fc.property(
        fc.array(place, { minLength: 2, maxLength: 4 }),
        place,
        fc.double({ min: 1, max: 100, noNaN: true }),
        fc.integer({ min: -60, max: 60 }),
        (bends, at, withinKm, north) => {
          const line = bends.map((bend): LongitudeLatitude => [20 + bend.east, north + bend.north]);
          const [longitude, latitude] = [20 + at.east, north + at.north];
          const nearestKm = Math.min(
            ...stepsOf(line).map((step) => greatCircleKm(step, { longitude, latitude })),
          );
          // The steps are coarse, and the nearest place is found on a plane.
          if (Math.abs(nearestKm - withinKm) < 0.002 * withinKm + 0.2) return;
          expect(nameAt([corridor(line, withinKm)], longitude, latitude)).toBe(
            nearestKm <= withinKm ? "z" : OUTSIDE,
          );
        },
      ),
    );
    const road: LongitudeLatitude[] = [
      [116, 39],
      [117, 39],
      [117, 40],
    ];
    const within3 = corridor(road, 3);
    expect([nameAt([within3], 116.5, 39.026), nameAt([within3], 116.5, 39.028)]).toEqual(["z", OUTSIDE]);
    expect([nameAt([within3], 117.03, 39.5), nameAt([within3], 117.04, 39.5)]).toEqual(["z", OUTSIDE]);
    expect([nameAt([within3], 115.97, 39), nameAt([within3], 115.96, 39)]).toEqual(["z", OUTSIDE]);
    const island = corridor(
      [
        [179, 0],
        [180, 0],
      ],
      20,
    );
    expect([nameAt([island], -179.9, 0), nameAt([island], -179.7, 0)]).toEqual(["z", OUTSIDE]);
    expect(nameAt([corridor([road[0]], 3)], 116.03, 39)).toBe("z");
  });

  test("zones cut at the 180th meridian: a position on it is in exactly one, whichever way it is written", () => {
    const [east, west] = [
      polygon("east", square(-180, -20, -178, -15)),
      polygon("west", square(177, -20, 180, -15)),
    ];
    for (const zones of [
      [east, west],
      [west, east],
    ]) {
      expect(nameAt(zones, -180, -17)).toBe("east");
      expect(nameAt(zones, 180, -17)).toBe("east");
      expect(nameAt(zones, 179.999, -17)).toBe("west");
      expect(nameAt(zones, 180, -10)).toBe(OUTSIDE);
    }
    expect([nameAt([west], 180, -17), nameAt([west], -180, -17)]).toEqual([OUTSIDE, OUTSIDE]);
    const band = polygon("band", square(-180, -20, 0, 20));
    expect(nameAt([band], 180, 0)).toBe("band");
  });

  test("of zones that overlap the first is meant", () => {
    const [city, yard] = [polygon("city", square(0, 0, 10, 10)), polygon("yard", square(2, 2, 3, 3))];
    expect(nameAt([yard, city], 2.5, 2.5)).toBe("yard");
    expect(nameAt([city, yard], 2.5, 2.5)).toBe("city");
    expect(nameAt([yard, city], 5, 5)).toBe("city");
  });
});
