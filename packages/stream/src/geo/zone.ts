import { greatCircleKm } from "./great-circle.ts";
import type { Position } from "./position.ts";

/** `[longitude, latitude]`, as GeoJSON writes a position (RFC 7946, 3.1.1). */
export type LongitudeLatitude = readonly [longitude: number, latitude: number];

/**
 * An area on the earth. A polygon's rings are closed (the last position is the first again): the outer one, then its holes; their
 * edges are straight lines in longitude and latitude, and none crosses the 180th meridian (RFC 7946, 3.1.6 and 3.1.9). Of a corridor so
 * is the line, and what is no further from it is in it.
 */
export type ZoneShape =
  | { readonly kind: "circle"; readonly center: LongitudeLatitude; readonly radiusKm: number }
  | { readonly kind: "polygon"; readonly rings: readonly (readonly LongitudeLatitude[])[] }
  | { readonly kind: "corridor"; readonly line: readonly LongitudeLatitude[]; readonly withinKm: number };

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
    const { positions, marginKm } = extentOf(shape);
    const degrees = marginKm / KM_PER_DEGREE_MIN;
    let [west, east, south, north] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [longitude, latitude] of positions) {
      [west, east] = [Math.min(west, longitude), Math.max(east, longitude)];
      [south, north] = [Math.min(south, latitude), Math.max(north, latitude)];
    }
    [this.#south, this.#north] = [south - degrees, north + degrees];
    [this.#west, this.#east] = marginKm > 0 ? [-Infinity, Infinity] : [west, east];
  }

  /**
   * The rim of a circle or a corridor is in it. Of two polygons that share an edge, a position on that is in exactly one, at the
   * 180th meridian too.
   */
  contains(position: Position): boolean {
    const { latitude } = position;
    // The same place: to the polygon that begins there, as a west edge belongs to its polygon and an east edge does not.
    const longitude = position.longitude === 180 ? -180 : position.longitude;
    if (latitude < this.#south || latitude > this.#north) return false;
    if (longitude < this.#west || longitude > this.#east) return false;
    const shape = this.#shape;
    switch (shape.kind) {
      case "polygon":
        return isInside(shape.rings, longitude, latitude);
      case "circle":
        return greatCircleKm(toPosition(shape.center), position) <= shape.radiusKm;
      case "corridor":
        return isAlong(shape.line, shape.withinKm, position);
    }
  }
}

/** Around these places, and so far further. */
function extentOf(shape: ZoneShape): {
  readonly positions: readonly LongitudeLatitude[];
  readonly marginKm: number;
} {
  switch (shape.kind) {
    case "polygon":
      return { positions: shape.rings[0], marginKm: 0 };
    case "circle":
      return { positions: [shape.center], marginKm: shape.radiusKm };
    case "corridor":
      return { positions: shape.line, marginKm: shape.withinKm };
  }
}

function toPosition([longitude, latitude]: LongitudeLatitude): Position {
  return { longitude, latitude };
}

/** Whether a leg of the line comes as near: its nearest place on a plane about the position, and the way there over the sphere. */
function isAlong(line: readonly LongitudeLatitude[], withinKm: number, position: Position): boolean {
  const cosine = Math.cos((position.latitude * Math.PI) / 180);
  for (let at = 0; at < line.length; at += 1) {
    const [from, to] = [line[Math.max(0, at - 1)], line[at]];
    // The shorter way round the earth.
    const west = from[0] - position.longitude;
    const [x, y] = [(west - 360 * Math.round(west / 360)) * cosine, from[1] - position.latitude];
    const [dx, dy] = [(to[0] - from[0]) * cosine, to[1] - from[1]];
    const length = dx * dx + dy * dy;
    const share = length === 0 ? 0 : Math.min(1, Math.max(0, -(x * dx + y * dy) / length));
    const nearest = toPosition([from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]);
    if (greatCircleKm(nearest, position) <= withinKm) return true;
  }
  return false;
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
