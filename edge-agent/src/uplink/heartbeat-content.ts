import type { Frontier } from "@millrace/stream";
import type { Heartbeat, RequestAnswer } from "@millrace/wire";
import type { ConfigurationStatus } from "../reload/configuration-status.ts";
import type { AgentStatus } from "../status/agent-status.ts";
import { toldMaintenance } from "./told-maintenance.ts";

/** Of a text in a heartbeat's status: a heartbeat with a longer one than central reads would be none. */
const STATUS_TEXT_LENGTH_MAX = 500;

export type HeartbeatContent = Pick<Heartbeat, "frontier" | "ledger" | "answers" | "maintenance"> &
  Required<Pick<Heartbeat, "status">>;

/** What a heartbeat tells of the agent. A slow link carries it every second, so what says nothing is left out. */
export function heartbeatContent(
  status: AgentStatus,
  options: {
    readonly program: string;
    readonly frontier: Frontier;
    readonly answers: readonly RequestAnswer[];
  },
): HeartbeatContent {
  const { program, frontier, answers } = options;
  const { ledger, store, disk } = status;
  const { rejected, evidencePartsSealed, evidencePartsEvicted, evidencePartsDamaged, ...counts } = ledger;
  const evidence = evidencePartsSealed > 0 && {
    evidencePartsSealed,
    evidencePartsEvicted,
    evidencePartsDamaged,
  };
  const said = Object.entries(counts).filter(([, count]) => count !== 0);
  const lanes = Object.values(status.lanes);
  return {
    frontier,
    ledger: { ...Object.fromEntries(said), ...evidence, rejected: sum(Object.values(rejected)) },
    ...(answers.length > 0 ? { answers } : {}),
    ...toldMaintenance(status.maintenance),
    status: {
      program,
      series: sum(Object.values(status.series)),
      alarms: status.alarms.length,
      isClockSynchronised: status.clock.isSynchronised,
      storeFailure: (store.failure ?? "").slice(0, STATUS_TEXT_LENGTH_MAX),
      unavailableSensors: Object.keys(status.unavailableSensors).join(", "),
      queuedBatches: sum(lanes.map(({ queuedBatches }) => queuedBatches)),
      queuedBytes: sum(lanes.map(({ queuedBytes }) => queuedBytes)),
      diskFreeBytes: disk.isLow ? (disk.freeBytes ?? 0) : -1,
      ...(status.held.readings > 0 ? { heldReadings: status.held.readings } : {}),
      ...(status.maintenance.length > 0 ? { maintenances: status.maintenance.length } : {}),
      ...configurationFields(status.configuration),
    },
  };
}

function configurationFields(configuration: ConfigurationStatus | null): Record<string, string | number> {
  if (configuration === null) return {};
  const { version, source, sinceMs, refused } = configuration;
  return {
    pipelineVersion: version,
    pipelineSource: source,
    pipelineSinceMs: sinceMs,
    pipelineRefused: refused === null ? "" : refused.version || "agent.yaml",
    pipelineRefusedReason: (refused?.reason ?? "").slice(0, STATUS_TEXT_LENGTH_MAX),
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
