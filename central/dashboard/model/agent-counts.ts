import type { AgentState, AgentView } from "../feed/live-frames.ts";

/** In the order in which they are told. */
const AGENT_STATES: readonly AgentState[] = ["connected", "silent", "never_seen", "retired"];

/** How many agents are in each state that any of them is in; connected always. */
export function agentCounts(
  agents: readonly Pick<AgentView, "state">[],
): readonly { readonly state: AgentState; readonly count: number }[] {
  return AGENT_STATES.map((state) => ({
    state,
    count: agents.filter((agent) => agent.state === state).length,
  })).filter(({ state, count }) => count > 0 || state === "connected");
}
