import type { AgentView } from "../feed/live-frames.ts";

/** A clock further off than this is worth a look. */
const CLOCK_OFFSET_MS_MAX = 1_000;

/** What may be wrong with an agent beside its being away, the gravest first. */
export const AGENT_FAULTS = ["storeFailure", "clockOff", "diskLow", "pipelineRefused"] as const;
export type AgentFault = (typeof AGENT_FAULTS)[number];

/** In their order. */
export function agentFaults(agent: AgentView): readonly AgentFault[] {
  return AGENT_FAULTS.filter((fault) => hasFault(agent, fault));
}

function hasFault({ status, clockOffsetMs }: AgentView, fault: AgentFault): boolean {
  switch (fault) {
    case "storeFailure":
    case "pipelineRefused":
      return typeof status[fault] === "string" && status[fault] !== "";
    case "clockOff":
      return status["isClockSynchronised"] === false || Math.abs(clockOffsetMs ?? 0) > CLOCK_OFFSET_MS_MAX;
    case "diskLow":
      // Told while the disk is low; else -1.
      return typeof status["diskFreeBytes"] === "number" && status["diskFreeBytes"] >= 0;
  }
}
