import { z } from "zod";
import type { CentralClient } from "../../simulator/src/verify/central-client.ts";

const count = z.number();
const ledgerOfAgent = z.object({
  received: count,
  merged: count,
  tooLate: count,
  unwindowed: count,
  unreadable: count,
  future: count,
  foreignSite: count,
  skipped: count,
});
const ledgerAnswer = z.object({
  sum: z.object({ received: count, merged: count }),
  agents: z.record(z.string(), ledgerOfAgent),
});
const agentsAnswer = z.object({ agents: z.array(z.object({ agent: z.string(), state: z.string() })) });

export type CentralLedger = z.infer<typeof ledgerOfAgent>;

export async function centralLedger(client: CentralClient): Promise<z.infer<typeof ledgerAnswer>> {
  return client.get("/api/v1/ledger", ledgerAnswer);
}

/** Names of the agents that are connected now. */
export async function connectedAgents(client: CentralClient): Promise<readonly string[]> {
  const { agents } = await client.get("/api/v1/agents", agentsAnswer);
  return agents.filter((agent) => agent.state === "connected").map((agent) => agent.agent);
}
