import { greatCircleKm } from "./great-circle.ts";
import type { Position } from "./position.ts";

/** `[longitude, latitude]`, as GeoJSON writes a position (RFC 7946, 3.1.1). */
export type LongitudeLatitude = readonly [longitude: number, latitude: number];

/**
 * An area on the earth. A polygon's rings are closed (the last position is the first again): the outer one, then its holes; their
 * edges are straight lines in longitude and latitude, and none crosses the 180th meridian (RFC 7946, 3.1.6 and 3.1.9).
 */
export type ZoneShape =
  | { readonly kind: "circle"; readonly center: LongitudeLatitude; readonly radiusKm: number }
  | { readonly kind: "polygon"; readonly rings: readonly (readonly LongitudeLatitude[])[] };

export interface ZoneSpec {
  readonly name: string;
  readonly shape: ZoneShape;
}

/** A degree of latitude is at least so long. */
const KM_PER_DEGREE_MIN = 111;

/** One area, made ready to be asked often. */
export class Zone {
  readonly name: string;
  readonly #shape: ZoneShape;
  readonly #west: number;
  readonly #east: number;
  readonly #south: number;
  readonly #north: number;

  constructor({ name, shape }: ZoneSpec) {
    this.name = name;
    this.#shape = shape;
    if (shape.kind === "circle") {
      const degrees = shape.radiusKm / KM_PER_DEGREE_MIN;
      [this.#west, this.#east] = [-Infinity, Infinity];
      [this.#south, this.#north] = [shape.center[1] - degrees, shape.center[1] + degrees];
      return;
    }
    const [outer] = shape.rings;
    let [west, east, south, north] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [longitude, latitude] of outer) {
      [west, east] = [Math.min(west, longitude), Math.max(east, longitude)];
      [south, north] = [Math.min(south, latitude), Math.max(north, latitude)];
    }
    [this.#west, this.#east, this.#south, this.#north] = [west, east, south, north];
  }

  /** A circle's rim is in it. Of two polygons that share an edge, a position on that is in exactly one. */
  contains(position: Position): boolean {
    const { longitude, latitude } = position;
    if (latitude < this.#south || latitude > this.#north) return false;
    if (longitude < this.#west || longitude > this.#east) return false;
    const shape = this.#shape;
    if (shape.kind === "polygon") return isInside(shape.rings, longitude, latitude);
    const center = { longitude: shape.center[0], latitude: shape.center[1] };
    return greatCircleKm(center, position) <= shape.radiusKm;
  }
}

/** Whether a line to the east crosses an odd number of edges (Franklin's PNPOLY); a hole's count like the others. */
function isInside(
  rings: readonly (readonly LongitudeLatitude[])[],
  longitude: number,
  latitude: number,
): boolean {
  let isIn = false;
  for (const ring of rings)
    for (let at = 1; at < ring.length; at += 1) {
      // From south to north, so that the edge gives the same bits to the zone on its other side.
      const isUp = ring[at - 1][1] < ring[at][1];
      const [south, north] = isUp ? [ring[at - 1], ring[at]] : [ring[at], ring[at - 1]];
      if (latitude < south[1] || latitude >= north[1]) continue;
      const crossing = south[0] + ((latitude - south[1]) / (north[1] - south[1])) * (north[0] - south[0]);
      if (longitude < crossing) isIn = !isIn;
    }
  return isIn;
}
