import type { AgentView } from "../feed/live-frames.ts";
import type { Speaker } from "./speaker.ts";

/** "connected", "silent for 3 min 20 s". */
export function agentStateText(agent: AgentView, nowMs: number, speaker: Speaker): string {
  if (agent.state === "silent" && agent.lastSeenMs !== null) {
    return speaker.text("agents.silentFor", { age: speaker.age(nowMs - agent.lastSeenMs) });
  }
  return speaker.text(`agents.state.${agent.state}`);
}
