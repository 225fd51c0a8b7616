export interface Place {
  readonly longitude: number;
  readonly latitude: number;
}

/** A zone as central's pipeline has it: degrees, `[longitude, latitude]`. */
export type ZoneShape =
  | { readonly kind: "circle"; readonly center: readonly [number, number]; readonly radiusKm: number }
  | { readonly kind: "polygon"; readonly rings: readonly (readonly (readonly [number, number])[])[] }
  | {
      readonly kind: "corridor";
      readonly line: readonly (readonly [number, number])[];
      readonly withinKm: number;
    };

/** IUGG's mean radius of the earth, as central states it. */
const EARTH_KM = 6_371.0088;
/** A degree of latitude is at least so long. */
const KM_PER_DEGREE_MIN = 111;
/** Of a leg: to a centimetre of thousands of km. */
const THIRDS = 42;

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
  if (shape.kind === "corridor") return isAlong(shape.line, shape.withinKm, place);
  const [outer, ...holes] = shape.rings;
  return turnsAround(outer, place) !== 0 && holes.every((hole) => turnsAround(hole, place) === 0);
}

/**
 * Whether a line that is straight in longitude and latitude comes as near. From a place near by there is one nearest on each leg, which is
 * found by halving: another way than central's.
 */
function isAlong(line: readonly (readonly [number, number])[], withinKm: number, place: Place): boolean {
  const degrees = withinKm / KM_PER_DEGREE_MIN;
  return line.some((to, at) => {
    const from = line[Math.max(0, at - 1)];
    const [south, north] = [Math.min(from[1], to[1]) - degrees, Math.max(from[1], to[1]) + degrees];
    if (place.latitude < south || place.latitude > north) return false;
    const kmOn = (share: number): number => {
      const [longitude, latitude] = [0, 1].map((axis) => from[axis] + share * (to[axis] - from[axis]));
      return kmOverSphere({ longitude, latitude }, place);
    };
    let [low, high] = [0, 1];
    for (let turn = 0; turn < THIRDS; turn += 1) {
      const third = (high - low) / 3;
      if (kmOn(low + third) <= kmOn(high - third)) high -= third;
      else low += third;
    }
    return kmOn((low + high) / 2) <= withinKm;
  });
}

/** How often a closed ring goes round a place (winding number; Sunday 2001). */
function turnsAround(ring: readonly (readonly [number, number])[], { longitude, latitude }: Place): number {
  if (longitude === 180) return turnsAround(ring, { longitude: -180, latitude });
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
