import { portableExp } from "../../signal/portable-math.ts";
import type { FestivalPlan } from "../plan/business-plan.ts";

const HOUR_MS = 3_600_000;
const EVENING_AT_MS = 21 * HOUR_MS;
const EVENING_DEVIATION_MS = 1.5 * HOUR_MS;
const SALE_MS = 24 * HOUR_MS;
const AFTER_TAU_MS = HOUR_MS / 2;

/**
 * The shape of a sale, 0 to 1: people gather before midnight, storm the shop at midnight, buy less and less over the
 * night, come again in the evening of the day, and go when it is over.
 */
export class Festival {
  readonly #plan: FestivalPlan;
  readonly #midnightMs: number;

  constructor(plan: FestivalPlan, midnightMs: number) {
    this.#plan = plan;
    this.#midnightMs = midnightMs;
  }

  /** How often the mean rate orders come in at a time at which `daily` times the mean rate is usual. */
  levelAt(timeMs: number, daily: number): number {
    return daily + (this.#plan.peak - daily) * this.#shapeAt(timeMs - this.#midnightMs);
  }

  #shapeAt(sinceMs: number): number {
    const { warmUpMs, warmUpShare, riseMs, decayMs, floorShare, eveningShare } = this.#plan;
    if (sinceMs < -warmUpMs) return 0;
    if (sinceMs < 0) {
      const gathered = 1 + sinceMs / warmUpMs;
      return warmUpShare * gathered * gathered;
    }
    if (sinceMs < riseMs) return warmUpShare + (1 - warmUpShare) * (sinceMs / riseMs);
    const night = floorShare + (1 - floorShare) * portableExp(-(sinceMs - riseMs) / decayMs);
    const fromEvening = (sinceMs - EVENING_AT_MS) / EVENING_DEVIATION_MS;
    const evening = eveningShare * portableExp(-(fromEvening * fromEvening) / 2);
    const shape = Math.min(1, night + evening);
    return sinceMs < SALE_MS ? shape : shape * portableExp(-(sinceMs - SALE_MS) / AFTER_TAU_MS);
  }
}
