/** Positions are kept to 2 millionths of a degree: at most 0.11 m from where they were said to be. */
const STEPS_PER_DEGREE = 500_000;
/** More than the steps from pole to pole, so that rounding finds the longitude; the whole stays below 2^53. */
const LATITUDES = 100_000_000;

/** A place on the earth in degrees (WGS 84): longitude from -180 to 180, latitude from -90 to 90. */
export interface Position {
  readonly longitude: number;
  readonly latitude: number;
}

export function isPosition(longitude: number, latitude: number): boolean {
  return longitude >= -180 && longitude <= 180 && latitude >= -90 && latitude <= 90;
}

/** A position as one whole number, which a reading's value can be. */
export function packPosition(longitude: number, latitude: number): number {
  return Math.round(longitude * STEPS_PER_DEGREE) * LATITUDES + Math.round(latitude * STEPS_PER_DEGREE) + 0;
}

/** Of any number; one that `packPosition` did not make is some place all the same. */
export function unpackPosition(packed: number): Position {
  const steps = Math.round(packed / LATITUDES);
  return {
    longitude: steps / STEPS_PER_DEGREE,
    latitude: (packed - steps * LATITUDES) / STEPS_PER_DEGREE,
  };
}
