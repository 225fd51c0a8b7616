// The judge's own geography: known distances, and zones by hand.
import { expect, test } from "vitest";
import { isInZone, kmOverSphere, type ZoneShape } from "./geography.ts";

const at = (longitude: number, latitude: number) => ({ longitude, latitude });

test("great circles", () => {
  expect(kmOverSphere(at(0, 0), at(0, 90))).toBeCloseTo(10_007.557, 3);
  expect(kmOverSphere(at(116.407, 39.904), at(121.474, 31.23))).toBeCloseTo(1_067.36, 2);
  expect(kmOverSphere(at(179.9, 0), at(-179.9, 0))).toBeCloseTo(22.239, 3);
  expect(kmOverSphere(at(1, 1), at(1, 1))).toBe(0);
});

test("a circle, and a polygon with a hole", () => {
  const circle: ZoneShape = { kind: "circle", center: [116.407, 39.904], radiusKm: 20 };
  expect([isInZone(circle, at(116.5, 40)), isInZone(circle, at(116.407, 40.1))]).toEqual([true, false]);
  const ring = (from: number, to: number): [number, number][] => [
    [from, from],
    [to, from],
    [to, to],
    [from, to],
    [from, from],
  ];
  const polygon: ZoneShape = { kind: "polygon", rings: [ring(0, 10), ring(4, 6).toReversed()] };
  const places = [at(1, 1), at(5, 5), at(11, 1), at(9, 9.5)];
  expect(places.map((place) => isInZone(polygon, place))).toEqual([true, false, false, true]);
});

test("a corridor, round its bend and its ends", () => {
  const line: [number, number][] = [
    [116, 39],
    [117, 39],
    [117, 40],
  ];
  const road: ZoneShape = { kind: "corridor", line, withinKm: 3 };
  const inside = [at(116.5, 39.026), at(117.03, 39.5), at(115.97, 39), at(117, 40.02)];
  const outside = [at(116.5, 39.028), at(117.04, 39.5), at(115.96, 39), at(117, 40.03), at(116.5, 39.5)];
  expect(inside.map((place) => isInZone(road, place))).toEqual([true, true, true, true]);
  expect(outside.some((place) => isInZone(road, place))).toBe(false);
});
