import type { AgentView } from "../agents/agent-view.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";

/** One site: its agents, and how far all of its data is complete. */
export interface SiteView {
  readonly site: string;
  readonly agents: readonly string[];
  readonly states: Readonly<Record<AgentView["state"], number>>;
  /** The lowest of the expected agents that are not idle; null while one of them has told none. */
  readonly watermarkMs: number | null;
  readonly activeAlarms: number;
}

/** All sites that an agent belongs or belonged to, by name. */
export function siteViews(agents: readonly AgentView[], alarms: readonly AlarmView[]): SiteView[] {
  const active = new Map<string, number>();
  for (const { site: agentSite, labels, isActive } of alarms) {
    // Those of central's own rules are no agent's, and may be about a site.
    const site = agentSite === "" ? (labels["site"] ?? "") : agentSite;
    if (isActive) active.set(site, (active.get(site) ?? 0) + 1);
  }
  return [...Map.groupBy(agents, ({ site }) => site)]
    .map(([site, members]) => ({
      site,
      agents: members.map(({ agent }) => agent),
      states: statesOf(members),
      watermarkMs: watermarkOf(members),
      activeAlarms: active.get(site) ?? 0,
    }))
    .sort((a, b) => (a.site < b.site ? -1 : 1));
}

function statesOf(agents: readonly AgentView[]): SiteView["states"] {
  const states = { connected: 0, silent: 0, never_seen: 0, retired: 0 };
  for (const { state } of agents) states[state] += 1;
  return states;
}

function watermarkOf(agents: readonly AgentView[]): number | null {
  const expected = agents.filter(({ state, isIdle }) => state !== "retired" && !isIdle);
  let lowestMs = Number.POSITIVE_INFINITY;
  for (const { watermarkMs } of expected) {
    if (watermarkMs === null) return null;
    lowestMs = Math.min(lowestMs, watermarkMs);
  }
  return Number.isFinite(lowestMs) ? lowestMs : null;
}
