import { HISTOGRAM_BOUNDS_MAX, RATIO_SIDES } from "@millrace/stream";
import { nearestName } from "@millrace/runtime";
import type { Mistake } from "./schema-types.ts";

const FAMILIES = ["histogram", "ratio"] as const;
/** As others name a single one. */
const PERCENTILE = /^(p\d+|percentiles?)$/i;

/** What is wrong with an entry of `accumulate` that has parameters, or should; undefined of any other. */
export function accumulatorMistake(entry: unknown): Mistake | undefined {
  if (entry === "histogram")
    return { at: [], message: "histogram needs its bounds: { histogram: [10, 20] }" };
  if (entry === "ratio") return { at: [], message: "ratio needs its limit: { ratio: { above: 80 } }" };
  if (typeof entry === "string" && PERCENTILE.test(entry))
    return { at: [], message: `there is no accumulator ${entry}; quantiles tells p50, p90, p95 and p99` };
  if (!isMap(entry)) return undefined;
  const [key, another] = Object.keys(entry);
  if (key === undefined) return undefined;
  if (another !== undefined)
    return {
      at: [another],
      message: `${key} and ${another} are two entries of accumulate; give each its own { … }`,
    };
  if (key === "histogram") return within(key, boundsMistake(entry[key]));
  if (key === "ratio") return within(key, ratioMistake(entry[key]));
  const nearest = nearestName(key, FAMILIES);
  const wayOut =
    nearest === undefined ? `parameters have ${FAMILIES.join(" and ")} only` : `did you mean ${nearest}?`;
  return { at: [key], message: `there is no accumulator ${JSON.stringify(key)} with parameters; ${wayOut}` };
}

/** What is wrong with the bounds of a histogram. */
export function boundsMistake(bounds: unknown): Mistake | undefined {
  const wanted = `1 to ${HISTOGRAM_BOUNDS_MAX} ascending bounds, such as [10, 20]`;
  if (!Array.isArray(bounds) || bounds.length === 0)
    return { at: [], message: `histogram needs a list of ${wanted}` };
  if (bounds.length > HISTOGRAM_BOUNDS_MAX)
    return {
      at: [HISTOGRAM_BOUNDS_MAX],
      message: `${bounds.length} bounds are too many; leave ${HISTOGRAM_BOUNDS_MAX}, or take quantiles`,
    };
  for (const [index, bound] of bounds.entries()) {
    if (!Number.isFinite(bound))
      return {
        at: [index],
        message: `${shown(bound)} is no bound: it must be a finite number (what is above all bounds is counted as le_inf)`,
      };
    if (index > 0 && bound <= bounds[index - 1])
      return {
        at: [index],
        message: `bound ${bound} stands behind ${bounds[index - 1]}: each must be greater than the one before; sort them, each once`,
      };
  }
  return undefined;
}

function ratioMistake(limit: unknown): Mistake | undefined {
  const wanted = "{ below: 80 }, { equal: 80 } or { above: 80 }";
  const [side, another] = isMap(limit) ? Object.keys(limit) : [];
  if (!isMap(limit) || side === undefined) return { at: [], message: `ratio needs its limit: ${wanted}` };
  if (!RATIO_SIDES.some((known) => known === side))
    return { at: [side], message: `ratio knows no ${JSON.stringify(side)}; it takes ${wanted}` };
  if (another !== undefined)
    return {
      at: [another],
      message: `a ratio has one limit, not ${side} and ${another}; keep one: ${wanted}`,
    };
  if (!Number.isFinite(limit[side]))
    return { at: [side], message: `${shown(limit[side])} is no limit: ${side} must be a finite number` };
  return undefined;
}

function within(key: string, mistake: Mistake | undefined): Mistake | undefined {
  return mistake === undefined ? undefined : { at: [key, ...mistake.at], message: mistake.message };
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "nothing").slice(0, 60);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
