import type { ReadingFormat } from "../format/reading-format.ts";
import type { Metric } from "./metric.ts";
import type { Plan } from "./plan.ts";

/** A signal's own format, or its site's; an edge node of Sparkplug speaks nothing else. */
export function formatOf(
  { sites, signals }: Pick<Plan, "sites" | "signals">,
  site: string,
  metric: Metric,
): ReadingFormat {
  const ofSite = sites.find((each) => each.site === site)?.format ?? "json";
  if (ofSite === "sparkplug") return ofSite;
  return signals.find((each) => each.metric === metric)?.format ?? ofSite;
}
