import type { WindowResult } from "@millrace/stream";
import type { AgentView } from "../feed/live-frames.ts";

/** A connected agent has passed a window so long after its end: the usual out-of-orderness, and time for the way. */
export const DUE_MS = 10_000;

/** How the agents that have lost nothing of a window and have not passed it are to be told of. */
export interface Attendance {
  /** Connected, or a partition, and not due yet: no news. */
  readonly awaitedCount: number;
  /** Away, or overdue. */
  readonly missing: readonly string[];
}

interface Standing {
  readonly endMs: number;
  readonly state: WindowResult["state"];
  readonly completeness: Pick<WindowResult["completeness"], "agentsMissing" | "agentsWithLoss">;
}

/** Divides a window's `agentsMissing`, which names everyone who has not passed it, by what is known of the agents. */
export function attendance(
  { endMs, state, completeness }: Standing,
  agents: readonly Pick<AgentView, "agent" | "state">[],
  nowMs: number,
): Attendance {
  const { agentsMissing, agentsWithLoss = [] } = completeness;
  const lacking = agentsMissing.filter((agent) => !agentsWithLoss.includes(agent));
  // Partitions are read by central itself: what keeps it from one stands with its stream.
  const isAwaited = (name: string) => connected.has(name) || isPartition(name);
  const isOverdue = state === "final" || nowMs - endMs > DUE_MS;
  const connected = new Set(agents.filter((agent) => agent.state === "connected").map(({ agent }) => agent));
  const missing = isOverdue ? lacking : lacking.filter((name) => !isAwaited(name));
  return { awaitedCount: lacking.length - missing.length, missing };
}

/** `stream/partition`: no agent's name has a slash. */
function isPartition(name: string): boolean {
  return name.includes("/");
}
