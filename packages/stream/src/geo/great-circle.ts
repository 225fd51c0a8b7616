import type { Position } from "./position.ts";

/** Mean radius of the earth (IUGG R1). The ellipsoid's distances differ from the sphere's by at most 0.6 %. */
export const EARTH_RADIUS_KM = 6_371.0088;
const RADIANS = Math.PI / 180;

/** Km from one place to another along the great circle of a sphere (haversine: exact for near places too). Never NaN for finite numbers. */
export function greatCircleKm(from: Position, to: Position): number {
  const latitude = Math.sin(((to.latitude - from.latitude) * RADIANS) / 2);
  const longitude = Math.sin(((to.longitude - from.longitude) * RADIANS) / 2);
  const cosines = Math.cos(from.latitude * RADIANS) * Math.cos(to.latitude * RADIANS);
  const share = latitude * latitude + cosines * longitude * longitude;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(Math.min(1, Math.max(0, share))));
}
