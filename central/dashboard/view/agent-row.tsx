import { useState } from "preact/hooks";
import { agentFaults } from "../model/agent-faults.ts";
import { agentStateText } from "../text/agent-state-text.ts";
import type { AgentProps } from "./agent-card.tsx";
import { AgentFacts } from "./agent-facts.tsx";
import { AgentSign } from "./agent-sign.tsx";

/** One of many agents, on a line; below it what is wrong beside its state. All else is there once it is opened. */
export function AgentRow({ agent, page, speaker }: AgentProps) {
  const [isOpen, setOpen] = useState(false);
  const nowMs = page.nowMs.value;
  const { lastSeenMs, watermarkMs } = agent;
  const state = agentStateText(agent, nowMs, speaker);
  const age = (sinceMs: number | null) => (sinceMs === null ? "–" : speaker.age(nowMs - sinceMs));
  const faults = agentFaults(agent);
  const notes = faults.map((fault) => speaker.text(`agents.fault.${fault}`));
  if (agent.maintenance !== undefined && agent.maintenance.length > 0)
    notes.push(speaker.text("alarms.suppressed"));
  return (
    <li
      class={`agent-row is-${agent.state} ${faults.length > 0 ? "is-notable" : ""}`}
      data-testid={`agent-${agent.agent}`}
      data-state={agent.state}
    >
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary title={[agent.agent, agent.site, state].join(" · ")}>
          <AgentSign state={agent.state} />
          <b>
            {agent.agent}
            <span class="unseen"> {state}</span>
          </b>
          <span class="site">{agent.site}</span>
          <span class="heard">
            <span class="unseen">{speaker.text("agents.heard")} </span>
            {age(lastSeenMs)}
          </span>
          <span>
            <span class="unseen">{speaker.text("agents.lag")} </span>
            {age(watermarkMs)}
          </span>
          {notes.length > 0 && <small>{notes.join(" · ")}</small>}
        </summary>
        {isOpen && <AgentFacts agent={agent} page={page} speaker={speaker} />}
      </details>
    </li>
  );
}
