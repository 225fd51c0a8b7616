import { sineOfTurns, turnsOf } from "../../signal/portable-math.ts";
import type { RoutePlan } from "../plan/business-plan.ts";

export interface Place {
  readonly longitude: number;
  readonly latitude: number;
}

const KM_PER_LATITUDE = 110.574;
const KM_PER_LONGITUDE = 111.32;

interface Leg {
  readonly from: Place;
  readonly to: Place;
  readonly fromKm: number;
  readonly lengthKm: number;
  /** Degrees from north, clockwise. */
  readonly heading: number;
}

/** A route as a line of straight legs; distances on a plane about each leg, within 0.5 % on legs of some 300 km. */
export class RouteLine {
  readonly lengthKm: number;
  /** Of each stop. */
  readonly stopsKm: readonly number[];
  readonly #legs: readonly Leg[];

  constructor(stops: RoutePlan["stops"]) {
    const legs: Leg[] = [];
    let fromKm = 0;
    for (let index = 1; index < stops.length; index += 1) {
      const [from, to] = [stops[index - 1], stops[index]];
      const [east, north] = offsetKm(from, to);
      const lengthKm = Math.sqrt(east * east + north * north);
      legs.push({ from, to, fromKm, lengthKm, heading: 360 * turnsOf(north, east) });
      fromKm += lengthKm;
    }
    this.#legs = legs;
    this.lengthKm = fromKm;
    this.stopsKm = [...legs.map((leg) => leg.fromKm), fromKm];
  }

  /** The place at `km` along the route, `asideKm` to the right of it. */
  placeAt(km: number, asideKm: number): Place & { readonly heading: number } {
    const { from, to, fromKm, lengthKm, heading } = this.#legAt(km);
    const share = (km - fromKm) / lengthKm;
    const longitude = from.longitude + (to.longitude - from.longitude) * share;
    const latitude = from.latitude + (to.latitude - from.latitude) * share;
    if (asideKm === 0) return { longitude, latitude, heading };
    const right = (heading + 90) / 360;
    return {
      longitude: longitude + (asideKm * sineOfTurns(right)) / (KM_PER_LONGITUDE * cosine(latitude)),
      latitude: latitude + (asideKm * sineOfTurns(right + 0.25)) / KM_PER_LATITUDE,
      heading,
    };
  }

  #legAt(km: number): Leg {
    for (const leg of this.#legs) if (km <= leg.fromKm + leg.lengthKm) return leg;
    return this.#legs[this.#legs.length - 1];
  }
}

export function routeLengthKm(stops: RoutePlan["stops"]): number {
  return stops.length < 2 ? 0 : new RouteLine(stops).lengthKm;
}

/** [east, north] of `to` from `from`, in km. */
function offsetKm(from: Place, to: Place): readonly [number, number] {
  const middle = (from.latitude + to.latitude) / 2;
  return [
    (to.longitude - from.longitude) * KM_PER_LONGITUDE * cosine(middle),
    (to.latitude - from.latitude) * KM_PER_LATITUDE,
  ];
}

function cosine(degrees: number): number {
  return sineOfTurns(degrees / 360 + 0.25);
}
