import type { AgentView } from "../feed/live-frames.ts";
import { agentStateText } from "../text/agent-state-text.ts";
import { AgentFacts } from "./agent-facts.tsx";
import { AgentSign } from "./agent-sign.tsx";
import type { PanelProps } from "./page.tsx";

export interface AgentProps extends PanelProps {
  readonly agent: AgentView;
}

/** One of a few agents, with all that is worth knowing of it. */
export function AgentCard({ agent, page, speaker }: AgentProps) {
  const nowMs = page.nowMs.value;
  return (
    <li class={`agent is-${agent.state}`} data-testid={`agent-${agent.agent}`} data-state={agent.state}>
      <div class="who">
        <b>{agent.agent}</b>
        <span class="labels">
          <span>
            <small>{speaker.text("agents.site")}</small> {agent.site}
          </span>
        </span>
      </div>
      <p class="state">
        <AgentSign state={agent.state} />
        <b>{agentStateText(agent, nowMs, speaker)}</b>
        {agent.state === "connected" && agent.lastSeenMs !== null && (
          <span>{speaker.text("agents.lastSeen", { age: speaker.age(nowMs - agent.lastSeenMs) })}</span>
        )}
        {agent.isIdle && <em class="tag">{speaker.text("agents.idle")}</em>}
      </p>
      <AgentFacts agent={agent} page={page} speaker={speaker} />
    </li>
  );
}
