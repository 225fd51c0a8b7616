import type { ReadingFormat } from "../format/reading-format.ts";
import type { Metric } from "./metric.ts";
import type { Plan } from "./plan.ts";

/** The site's format, or the signal's own where the site has none for all. */
export function formatOf(
  { sites, signals }: Pick<Plan, "sites" | "signals">,
  site: string,
  metric: Metric,
): ReadingFormat {
  const ofSite = sites.find((each) => each.site === site)?.format ?? null;
  return ofSite ?? signals.find((each) => each.metric === metric)?.format ?? "json";
}
