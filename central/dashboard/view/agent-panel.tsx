import { useState } from "preact/hooks";
import { agentCounts } from "../model/agent-counts.ts";
import { agentsInOrder } from "../model/agent-order.ts";
import { hasWords } from "../model/has-words.ts";
import { agentStateText } from "../text/agent-state-text.ts";
import { AgentCard } from "./agent-card.tsx";
import { AgentRow } from "./agent-row.tsx";
import { AgentSign } from "./agent-sign.tsx";
import type { PanelProps } from "./page.tsx";
import { ShowMore } from "./show-more.tsx";

/** So many have a card each; more have a line each, and can be sought. */
const CARDS_MAX = 12;
const ROWS_SHOWN = 20;
const ROWS_EXPANDED = 200;

/** How many agents are there and how many are not, and each of them: first those that need attention. */
export function AgentPanel({ page, speaker }: PanelProps) {
  const agents = page.agents.value;
  return (
    <section class="panel agents" id="agents" tabIndex={-1} aria-labelledby="agents-title">
      <header>
        <h2 id="agents-title">{speaker.text("agents.title")}</h2>
        {agents.length > 0 && (
          <ul class="counts" data-testid="agent-counts">
            {agentCounts(agents).map(({ state, count }) => (
              <li key={state} class={`is-${state}`}>
                <AgentSign state={state} /> {speaker.text(`agents.count.${state}`, { count })}
              </li>
            ))}
          </ul>
        )}
      </header>
      {agents.length === 0 ? (
        <p class="empty">
          <b>{speaker.text("agents.none")}</b> <span>{speaker.text("agents.noneDetail")}</span>
        </p>
      ) : agents.length > CARDS_MAX ? (
        <AgentRows page={page} speaker={speaker} />
      ) : (
        <ul class="cards">
          {agentsInOrder(agents).map((agent) => (
            <AgentCard key={agent.agent} agent={agent} page={page} speaker={speaker} />
          ))}
        </ul>
      )}
    </section>
  );
}

function AgentRows({ page, speaker }: PanelProps) {
  const [sought, seek] = useState("");
  const [isExpanded, setExpanded] = useState(false);
  const nowMs = page.nowMs.value;
  const found = agentsInOrder(page.agents.value).filter((agent) =>
    hasWords(`${agent.agent} ${agent.site} ${agentStateText(agent, nowMs, speaker)}`, sought),
  );
  const shown = found.slice(0, isExpanded ? ROWS_EXPANDED : ROWS_SHOWN);
  const expandedCount = Math.min(found.length, ROWS_EXPANDED);
  return (
    <>
      <input
        class="seek"
        type="search"
        placeholder={speaker.text("agents.seek")}
        aria-label={speaker.text("agents.seek")}
        value={sought}
        onInput={(event) => seek(event.currentTarget.value)}
      />
      {found.length === 0 ? (
        <p class="empty">{speaker.text("agents.seekNone")}</p>
      ) : (
        <>
          <div class="agent-heads" aria-hidden="true">
            <span>{speaker.text("agents.name")}</span>
            <span>{speaker.text("agents.site")}</span>
            <span>{speaker.text("agents.heard")}</span>
            <span>{speaker.text("agents.lag")}</span>
          </div>
          <ul class="agent-rows">
            {shown.map((agent) => (
              <AgentRow key={agent.agent} agent={agent} page={page} speaker={speaker} />
            ))}
          </ul>
        </>
      )}
      {(expandedCount > shown.length || (isExpanded && shown.length > ROWS_SHOWN)) && (
        <ShowMore
          isExpanded={isExpanded}
          moreCount={expandedCount - shown.length}
          onToggle={() => setExpanded(!isExpanded)}
          speaker={speaker}
        />
      )}
      {found.length > ROWS_EXPANDED && (
        <p class="detail">{speaker.text("agents.notShown", { count: found.length - ROWS_EXPANDED })}</p>
      )}
    </>
  );
}
