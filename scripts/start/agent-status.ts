import { z } from "zod";
import { lastLines } from "./log-tail.ts";

const count = z.number();
const agentLedger = z.object({
  received: count,
  aggregated: count,
  ruleOnly: count,
  duplicate: count,
  rejected: z.record(z.string(), count),
  held: count,
  pending: count,
  open: count,
  queued: count,
  forwarded: count,
  evicted: count,
  damaged: count,
});
const agentStatus = z.object({
  agent: z.string(),
  site: z.string(),
  ledger: agentLedger,
  link: z.object({ state: z.string() }),
  /** Sensors that this machine lacks, with the reason. */
  unavailableSensors: z.record(z.string(), z.string()),
});

export type AgentLedger = z.infer<typeof agentLedger>;
export type AgentStatus = z.infer<typeof agentStatus>;

const ASK_MS_MAX = 2_000;
const LOG_LINES = 40;

/** The agent's loopback page. Undefined while it does not answer. */
export async function askAgent(port: number): Promise<AgentStatus | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/status`, {
      signal: AbortSignal.timeout(ASK_MS_MAX),
    });
    return agentStatus.safeParse(await response.json()).data;
  } catch {
    return undefined;
  }
}

/** The ledger that a stopped agent wrote as its last word. */
export function finalLedger(logPath: string): AgentLedger | undefined {
  const finalLine = z.object({ ledger: agentLedger });
  for (const line of lastLines(logPath, LOG_LINES).reverse()) {
    try {
      const parsed = finalLine.safeParse(JSON.parse(line));
      if (parsed.success) return parsed.data.ledger;
    } catch {
      // Not every line of a log is JSON.
    }
  }
  return undefined;
}
