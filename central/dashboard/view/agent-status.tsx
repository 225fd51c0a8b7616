import type { AgentView } from "../feed/live-frames.ts";
import type { Speaker } from "../text/speaker.ts";

interface AgentStatusProps {
  readonly status: AgentView["status"];
  readonly nowMs: number;
  readonly speaker: Speaker;
}

/** All that an agent reports of itself, once it is opened. */
export function AgentStatus({ status, nowMs, speaker }: AgentStatusProps) {
  const reported = Object.entries(status);
  if (reported.length === 0) return null;
  return (
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
