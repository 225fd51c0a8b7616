import type { AgentState, AgentView } from "../feed/live-frames.ts";
import type { Speaker } from "../text/speaker.ts";
import { EvidenceDetails } from "./evidence-details.tsx";
import { LabelList } from "./label-list.tsx";
import type { PanelProps } from "./page.tsx";

/** A clock further off than this is worth a look. */
const CLOCK_OFFSET_MS_MAX = 1_000;

const STATE_SHAPES: Readonly<Record<AgentState, string>> = {
  connected: "M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10",
  silent: "M8 1.5L15 14H1z",
  never_seen: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11",
  retired: "M3 8h10",
};

export function AgentPanel({ page, speaker }: PanelProps) {
  const agents = page.agents.value;
  return (
    <section class="panel agents" id="agents" tabIndex={-1} aria-labelledby="agents-title">
      <header>
        <h2 id="agents-title">{speaker.text("agents.title")}</h2>
      </header>
      {agents.length === 0 ? (
        <p class="empty">
          <b>{speaker.text("agents.none")}</b> <span>{speaker.text("agents.noneDetail")}</span>
        </p>
      ) : (
        <ul>
          {agents.map((agent) => (
            <AgentRow key={agent.agent} agent={agent} page={page} speaker={speaker} />
          ))}
        </ul>
      )}
    </section>
  );
}

function AgentRow({ agent, page, speaker }: PanelProps & { readonly agent: AgentView }) {
  const nowMs = page.nowMs.value;
  const { series, storeFailure, unavailableSensors } = agent.status;
  const pendingMs = agent.pending.reduce((sum, range) => sum + (range.endMs - range.startMs), 0);
  const isClockOff =
    agent.status["isClockSynchronised"] === false || Math.abs(agent.clockOffsetMs ?? 0) > CLOCK_OFFSET_MS_MAX;
  const { pipelineVersion, pipelineRefused, pipelineRefusedReason } = agent.status;
  const isPipelineRefused = typeof pipelineRefused === "string" && pipelineRefused !== "";
  const reported = Object.entries(agent.status);
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
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d={STATE_SHAPES[agent.state]} />
        </svg>
        <b>{stateText(agent, nowMs, speaker)}</b>
        {agent.state === "connected" && agent.lastSeenMs !== null && (
          <span>{speaker.text("agents.lastSeen", { age: speaker.age(nowMs - agent.lastSeenMs) })}</span>
        )}
        {agent.isIdle && <em class="tag">{speaker.text("agents.idle")}</em>}
      </p>
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
        <div class={isClockOff ? "is-notable" : ""}>
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
            version: pipelineRefused,
            reason: String(pipelineRefusedReason ?? ""),
          })}
        </p>
      )}
      {typeof storeFailure === "string" && storeFailure !== "" && (
        <p class="failure">{speaker.text("agents.storeFailure", { failure: storeFailure })}</p>
      )}
      {typeof unavailableSensors === "string" && unavailableSensors !== "" && (
        <p class="absent">{speaker.text("agents.unavailableSensors", { sensors: unavailableSensors })}</p>
      )}
      {reported.length > 0 && (
        <details>
          <summary>{speaker.text("agents.more")}</summary>
          <dl>
            {reported.map(([name, value]) => (
              <div key={name}>
                <dt>{reportedName(name, speaker)}</dt>
                <dd>{reportedValue(name, value, nowMs, speaker)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </li>
  );
}

/** What this page does not know, of a newer agent, stands as the agent says it. */
function reportedName(name: string, speaker: Speaker): string {
  const key = REPORTED_NAMES.find((known) => known === `agents.reported.${name}`);
  return key === undefined ? name : speaker.text(key);
}

const REPORTED_NAMES = [
  "agents.reported.program",
  "agents.reported.series",
  "agents.reported.alarms",
  "agents.reported.heldReadings",
  "agents.reported.maintenances",
  "agents.reported.isClockSynchronised",
  "agents.reported.storeFailure",
  "agents.reported.unavailableSensors",
  "agents.reported.queuedBatches",
  "agents.reported.queuedBytes",
  "agents.reported.diskFreeBytes",
  "agents.reported.pipelineVersion",
  "agents.reported.pipelineSource",
  "agents.reported.pipelineSinceMs",
  "agents.reported.pipelineRefused",
  "agents.reported.pipelineRefusedReason",
] as const;

function reportedValue(
  name: string,
  value: number | string | boolean,
  nowMs: number,
  speaker: Speaker,
): string {
  if (name === "pipelineSinceMs" && typeof value === "number") return speaker.moment(value, nowMs);
  // Told while the disk is low; else -1.
  if (name === "diskFreeBytes" && value === -1) return "–";
  if (typeof value === "number") return speaker.count(value);
  if (typeof value === "boolean") return speaker.text(value ? "agents.reported.yes" : "agents.reported.no");
  return value === "" ? "–" : value;
}

function stateText(agent: AgentView, nowMs: number, speaker: Speaker): string {
  if (agent.state === "silent" && agent.lastSeenMs !== null) {
    return speaker.text("agents.silentFor", { age: speaker.age(nowMs - agent.lastSeenMs) });
  }
  return speaker.text(`agents.state.${agent.state}`);
}

function clockText(agent: AgentView, speaker: Speaker): string {
  if (agent.status["isClockSynchronised"] === false) return speaker.text("agents.clockUnsynchronised");
  if (agent.clockOffsetMs === null) return speaker.text("agents.clockUnknown");
  const sign = agent.clockOffsetMs > 0 ? "+" : agent.clockOffsetMs < 0 ? "−" : "±";
  return `${sign}${speaker.duration(Math.abs(Math.round(agent.clockOffsetMs)))}`;
}
