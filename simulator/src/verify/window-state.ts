import type { CentralWindow } from "./central-client.ts";

/** How far an agent has promised to have sent everything. */
export interface AgentFrontier {
  readonly watermarkMs: number | null;
  /** Event time that is still in its outbox. */
  readonly pending: readonly { readonly startMs: number; readonly endMs: number }[];
}

/** Agents that central waits for with a window; empty: for none, it is complete or final. */
export function waitsFor({ state, completeness }: CentralWindow): readonly string[] {
  return state === "provisional" ? (completeness?.agentsMissing ?? []) : [];
}

/** What is wrong with a window's state once all has been sent; null: nothing that anybody could tell. */
export function stateFault(row: CentralWindow, frontiers: ReadonlyMap<string, AgentFrontier>): string | null {
  const { state, startMs, endMs, completeness } = row;
  if (state !== "provisional" || completeness === undefined) return null;
  const { agentsMissing, agentsWithLoss = [] } = completeness;
  const hasPassed = (agent: string): boolean => {
    const { watermarkMs = null, pending = [] } = frontiers.get(agent) ?? {};
    const isPending = pending.some((range) => range.startMs < endMs && range.endMs > startMs);
    return watermarkMs !== null && watermarkMs >= endMs && !isPending && !agentsWithLoss.includes(agent);
  };
  if (!agentsMissing.every(hasPassed)) return null;
  const why =
    agentsMissing.length === 0 ? "no agent is missing" : `${agentsMissing.join(" and ")} sent all of it`;
  return `provisional, though ${why}`;
}
