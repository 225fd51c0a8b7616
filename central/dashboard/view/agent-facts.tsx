import { agentFaults } from "../model/agent-faults.ts";
import type { Speaker } from "../text/speaker.ts";
import type { AgentProps } from "./agent-card.tsx";
import { AgentStatus } from "./agent-status.tsx";
import { EvidenceDetails } from "./evidence-details.tsx";
import { LabelList } from "./label-list.tsx";

/** What is known of an agent beside its name, site and state. */
export function AgentFacts({ agent, page, speaker }: AgentProps) {
  const nowMs = page.nowMs.value;
  const { series, storeFailure, unavailableSensors } = agent.status;
  const pendingMs = agent.pending.reduce((sum, range) => sum + (range.endMs - range.startMs), 0);
  const faults = agentFaults(agent);
  const { pipelineVersion, pipelineRefused, pipelineRefusedReason } = agent.status;
  const isPipelineRefused = faults.includes("pipelineRefused");
  return (
    <div class="agent-facts">
      <dl class="facts">
        <div>
          <dt>{speaker.text("agents.watermark")}</dt>
          <dd>
            {agent.watermarkMs === null
              ? "–"
              : speaker.text("agents.behind", { age: speaker.age(nowMs - agent.watermarkMs) })}
          </dd>
        </div>
        <div class={pendingMs > 0 ? "is-notable" : ""}>
          <dt>{speaker.text("agents.backlog")}</dt>
          <dd>
            {pendingMs === 0
              ? speaker.text("agents.backlogNone")
              : speaker.text("agents.backlogPending", { age: speaker.age(pendingMs) })}
          </dd>
        </div>
        <div>
          <dt>{speaker.text("agents.series")}</dt>
          <dd>{typeof series === "number" ? speaker.count(series) : "–"}</dd>
        </div>
        <div class={faults.includes("clockOff") ? "is-notable" : ""}>
          <dt>{speaker.text("agents.clock")}</dt>
          <dd>{clockText(agent, speaker)}</dd>
        </div>
        {typeof pipelineVersion === "string" && (
          <div class={isPipelineRefused ? "is-notable" : ""} data-fact="pipeline">
            <dt>{speaker.text("agents.pipeline")}</dt>
            <dd>{pipelineVersion}</dd>
          </div>
        )}
        {agent.evidence !== undefined && (
          <div data-fact="evidence">
            <dt>{speaker.text("agents.evidence")}</dt>
            <dd>{speaker.count(agent.evidence)}</dd>
          </div>
        )}
      </dl>
      {agent.evidence !== undefined && (
        <EvidenceDetails agent={agent.agent} nowMs={nowMs} speaker={speaker} />
      )}
      {agent.maintenance !== undefined && agent.maintenance.length > 0 && (
        <ul class="maintenance" data-testid={`maintenance-${agent.agent}`}>
          {agent.maintenance.map(({ labels, sinceMs, untilMs, by }) => (
            <li key={`${sinceMs} ${by} ${JSON.stringify(labels)}`}>
              <em class="tag">{speaker.text("alarms.suppressed")}</em>{" "}
              {Object.keys(labels).length === 0 ? (
                speaker.text("agents.maintenanceOfAll")
              ) : (
                <LabelList labels={labels} />
              )}{" "}
              {speaker.text("agents.maintenance", {
                since: speaker.moment(sinceMs, nowMs),
                until: speaker.moment(untilMs, nowMs),
                by,
              })}
            </li>
          ))}
        </ul>
      )}
      {isPipelineRefused && (
        <p class="absent">
          {speaker.text("agents.pipelineRefused", {
            version: String(pipelineRefused),
            reason: String(pipelineRefusedReason ?? ""),
          })}
        </p>
      )}
      {faults.includes("storeFailure") && (
        <p class="failure">{speaker.text("agents.storeFailure", { failure: String(storeFailure) })}</p>
      )}
      {typeof unavailableSensors === "string" && unavailableSensors !== "" && (
        <p class="absent">{speaker.text("agents.unavailableSensors", { sensors: unavailableSensors })}</p>
      )}
      <AgentStatus status={agent.status} nowMs={nowMs} speaker={speaker} />
    </div>
  );
}

function clockText(agent: AgentProps["agent"], speaker: Speaker): string {
  if (agent.status["isClockSynchronised"] === false) return speaker.text("agents.clockUnsynchronised");
  if (agent.clockOffsetMs === null) return speaker.text("agents.clockUnknown");
  const sign = agent.clockOffsetMs > 0 ? "+" : agent.clockOffsetMs < 0 ? "−" : "±";
  return `${sign}${speaker.duration(Math.abs(Math.round(agent.clockOffsetMs)))}`;
}
