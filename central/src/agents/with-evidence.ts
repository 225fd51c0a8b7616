import type { LedgerTotals } from "../ledger/central-ledger.ts";
import type { AgentView } from "./agent-view.ts";

/** Agents with how many pieces of evidence have come of each. */
export function withEvidence(
  views: readonly AgentView[],
  totalsOf: (agent: string) => LedgerTotals | undefined,
): AgentView[] {
  return views.map((view) => {
    const evidence = totalsOf(view.agent)?.evidence ?? 0;
    return evidence === 0 ? view : { ...view, evidence };
  });
}
