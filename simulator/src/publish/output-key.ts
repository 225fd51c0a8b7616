import type { Plan } from "../plan/plan.ts";

/** Which of the outputs a machine's messages take: a broker's connection for each line or machine, else one for a site. */
export function outputKey(
  { sites, connectionPer }: Pick<Plan, "sites" | "connectionPer">,
  at: { readonly site: string; readonly line: string; readonly machine: string },
): string {
  if (sites.find(({ site }) => site === at.site)?.output.kind !== "mqtt") return at.site;
  return connectionPer === "line" ? `${at.site}/${at.line}` : `${at.site}/${at.line}/${at.machine}`;
}
