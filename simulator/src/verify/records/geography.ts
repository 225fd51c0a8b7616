export interface Place {
  readonly longitude: number;
  readonly latitude: number;
}

/** A zone as central's pipeline has it: degrees, `[longitude, latitude]`. */
export type ZoneShape =
  | { readonly kind: "circle"; readonly center: readonly [number, number]; readonly radiusKm: number }
  | { readonly kind: "polygon"; readonly rings: readonly (readonly (readonly [number, number])[])[] };

/** IUGG's mean radius of the earth, as central states it. */
const EARTH_KM = 6_371.0088;

/** Km over a sphere: by the straight line through it, which is another formula than central's. */
export function kmOverSphere(from: Place, to: Place): number {
  const [ax, ay, az] = onSphere(from);
  const [bx, by, bz] = onSphere(to);
  const chord = Math.hypot(ax - bx, ay - by, az - bz);
  return 2 * EARTH_KM * Math.asin(Math.min(1, chord / 2));
}

export function isInZone(shape: ZoneShape, place: Place): boolean {
  if (shape.kind === "circle") {
    const [longitude, latitude] = shape.center;
    return kmOverSphere({ longitude, latitude }, place) <= shape.radiusKm;
  }
  const [outer, ...holes] = shape.rings;
  return turnsAround(outer, place) !== 0 && holes.every((hole) => turnsAround(hole, place) === 0);
}

/** How often a closed ring goes round a place (winding number; Sunday 2001). */
function turnsAround(ring: readonly (readonly [number, number])[], { longitude, latitude }: Place): number {
  let turns = 0;
  for (let at = 1; at < ring.length; at += 1) {
    const [fromX, fromY] = ring[at - 1];
    const [toX, toY] = ring[at];
    const side = (toX - fromX) * (latitude - fromY) - (longitude - fromX) * (toY - fromY);
    if (fromY <= latitude && toY > latitude && side > 0) turns += 1;
    if (fromY > latitude && toY <= latitude && side < 0) turns -= 1;
  }
  return turns;
}

function onSphere({ longitude, latitude }: Place): readonly [number, number, number] {
  const [east, north] = [(longitude * Math.PI) / 180, (latitude * Math.PI) / 180];
  return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)];
}
