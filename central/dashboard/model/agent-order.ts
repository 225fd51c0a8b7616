import type { AgentView } from "../feed/live-frames.ts";
import { AGENT_FAULTS, agentFaults } from "./agent-faults.ts";

/** Who needs attention first: silent, never seen, then by the gravest fault; retired ones last; else as they came. */
export function agentsInOrder(agents: readonly AgentView[]): readonly AgentView[] {
  const groups = Map.groupBy(agents, place);
  return [...groups.entries()].toSorted(([a], [b]) => a - b).flatMap(([, group]) => group);
}

function place(agent: AgentView): number {
  const faultCount = AGENT_FAULTS.length;
  switch (agent.state) {
    case "silent":
      return 0;
    case "never_seen":
      return 1;
    case "connected": {
      const [gravest] = agentFaults(agent);
      return 2 + (gravest === undefined ? faultCount : AGENT_FAULTS.indexOf(gravest));
    }
    case "retired":
      return 3 + faultCount;
  }
}
