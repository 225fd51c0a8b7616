import { histogram, ratio } from "@millrace/stream";
import type { MetricFile } from "./pipeline-schema.ts";

/** What a metric accumulates, by the names that the engine knows. */
export function accumulatorNames({ accumulate }: Pick<MetricFile, "accumulate">): string[] {
  return accumulate.map((entry) => {
    if (typeof entry === "string") return entry;
    if ("histogram" in entry) return histogram(entry.histogram).name;
    const { ratio: sides } = entry;
    if ("below" in sides) return ratio("below", sides.below).name;
    if ("equal" in sides) return ratio("equal", sides.equal).name;
    return ratio("above", sides.above).name;
  });
}
