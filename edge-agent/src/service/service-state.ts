import type { Agent } from "../agent.ts";
import type { ServiceState } from "./service-manager.ts";

/** The rules are told of time four times a second: silent for so long, the agent is not what it should be. */
const RULES_SILENT_MS_MAX = 10_000;

/**
 * What the service manager is told. Stuck is an agent whose own work has ended though its process lives; one whose disk takes
 * no writes is not: its rules and commands go on, and a restart would take them away.
 */
export function serviceState(agent: Pick<Agent, "status" | "rulesSilentMs">): ServiceState {
  const { link, lanes, alarms, store } = agent.status();
  const waiting = Object.values(lanes).reduce((sum, { queuedBatches }) => sum + queuedBatches, 0);
  const parts = [
    `link ${link.state}`,
    `${waiting} batches wait for central`,
    `${alarms.length} active alarms`,
    ...(store.failure === null ? [] : [`the store takes no writes: ${store.failure}`]),
  ];
  const silentMs = agent.rulesSilentMs;
  return {
    text: parts.join(", "),
    stuck:
      silentMs > RULES_SILENT_MS_MAX
        ? `the rules were not told of time for ${Math.round(silentMs / 1000)} s`
        : null,
  };
}
