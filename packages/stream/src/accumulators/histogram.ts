import type { Accumulator } from "../accumulator.ts";
import { countFields } from "./count-fields.ts";

/** More would be a row too long to be worth it: quantiles take less. */
export const HISTOGRAM_BOUNDS_MAX = 64;

/**
 * How many readings are at most each bound, cumulative as in Prometheus: `le_10`, `le_20`, `le_inf`.
 *
 * One field per bucket, each counting `(bound before, bound]`, the last all above. Parameters: the bounds, ascending.
 */
export function histogram(bounds: readonly number[]): Accumulator {
  const width = bounds.length + 1;
  const results = [...bounds.map((bound) => `le_${bound}`), "le_inf"];
  return {
    name: `histogram(${bounds.join()})`,
    id: 16,
    params: bounds,
    width,
    results,
    ...countFields(width),
    add(state, at, value) {
      let bucket = 0;
      while (bucket < bounds.length && value > bounds[bucket]) bucket++;
      state[at + bucket] = state[at + bucket] + 1;
    },
    finish(state, at): Readonly<Record<string, number>> {
      const counts: Record<string, number> = {};
      let total = 0;
      for (let bucket = 0; bucket < width; bucket++) {
        total += state[at + bucket];
        counts[results[bucket]] = total;
      }
      return total > 0 && Number.isFinite(total) ? counts : {};
    },
  };
}

/** Whether these are bounds of a histogram: finite, ascending, not none and not too many. */
export function areBounds(bounds: readonly number[]): boolean {
  return (
    bounds.length > 0 &&
    bounds.length <= HISTOGRAM_BOUNDS_MAX &&
    bounds.every((bound, index) => Number.isFinite(bound) && (index === 0 || bound > bounds[index - 1]))
  );
}
