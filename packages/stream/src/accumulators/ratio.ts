import type { Accumulator } from "../accumulator.ts";
import { countFields } from "./count-fields.ts";

/** Which readings the ratio is of. */
export const RATIO_SIDES = ["below", "equal", "above"] as const;
export type RatioSide = (typeof RATIO_SIDES)[number];

/**
 * The share of readings that lie below, at or above a limit: the failure rate of a stream of 0 and 1, for example.
 * Fields: those that do, all. Parameters: index of the side, limit.
 */
export function ratio(side: RatioSide, limit: number): Accumulator {
  const params = [RATIO_SIDES.indexOf(side), limit];
  return {
    name: `ratio(${params.join()})`,
    id: 14,
    params,
    width: 2,
    results: ["ratio"],
    ...countFields(2),
    add(state, at, value) {
      const isCounted = side === "above" ? value > limit : side === "below" ? value < limit : value === limit;
      if (isCounted) state[at] = state[at] + 1;
      state[at + 1] = state[at + 1] + 1;
    },
    finish(state, at): Readonly<Record<string, number>> {
      const share = state[at] / state[at + 1];
      return Number.isFinite(share) ? { ratio: share } : {};
    },
  };
}
