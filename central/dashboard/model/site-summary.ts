import type { AgentView } from "../feed/live-frames.ts";

export interface SiteSummary {
  readonly sitesExpected: number;
  readonly sitesReporting: number;
  readonly agentsExpected: number;
  readonly agentsReporting: number;
}

/** A site reports when any of its agents is connected; retired agents are not expected. */
export function siteSummary(agents: readonly AgentView[]): SiteSummary {
  const expected = agents.filter((agent) => agent.state !== "retired");
  const reporting = expected.filter((agent) => agent.state === "connected");
  return {
    sitesExpected: new Set(expected.map((agent) => agent.site)).size,
    sitesReporting: new Set(reporting.map((agent) => agent.site)).size,
    agentsExpected: expected.length,
    agentsReporting: reporting.length,
  };
}
