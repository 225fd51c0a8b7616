import { sineOfTurns } from "./portable-math.ts";

/** A rolling bearing by its geometry. */
export interface BearingGeometry {
  readonly balls: number;
  readonly ballDiameterMm: number;
  readonly pitchDiameterMm: number;
  readonly contactDegrees: number;
}

export const BEARING_DEFECTS = ["outer-race", "inner-race", "ball", "cage"] as const;
export type BearingDefect = (typeof BEARING_DEFECTS)[number];

/**
 * How often a defect is struck in a turn of the shaft, the outer race standing still: BPFO, BPFI, BSF and FTF of the
 * textbooks (Randall and Antoni, Mechanical Systems and Signal Processing 25, 2011, eq. 1 to 4) over the shaft's rate.
 */
export function strikesPerTurn(geometry: BearingGeometry, defect: BearingDefect): number {
  const { balls, ballDiameterMm, pitchDiameterMm, contactDegrees } = geometry;
  const ratio = (ballDiameterMm / pitchDiameterMm) * sineOfTurns(0.25 - contactDegrees / 360);
  switch (defect) {
    case "outer-race":
      return (balls / 2) * (1 - ratio);
    case "inner-race":
      return (balls / 2) * (1 + ratio);
    case "ball":
      return (pitchDiameterMm / (2 * ballDiameterMm)) * (1 - ratio * ratio);
    case "cage":
      return (1 - ratio) / 2;
  }
}
