import { nearestName } from "@millrace/runtime";
import { NOBODY } from "../ledger/central-ledger.ts";
import type { QuarantineCounts } from "../ledger/quarantine.ts";
import { ProblemError } from "./problem.ts";

interface Senders {
  /** Retired ones too. */
  readonly agents: readonly string[];
  /** Of records: each of their partitions is a sender. */
  readonly streams: readonly string[];
  /** What the quarantine holds of an agent; null before central is open. */
  readonly countsOf: (agent: string) => QuarantineCounts | null;
}

/** Of a mistyped agent, or a stream without its partition, the quarantine would quietly hold nothing. */
export function requireSender(sender: string, { agents, streams, countsOf }: Senders): void {
  const stream = /^(.+)\/\d+$/.exec(sender)?.[1] ?? "";
  if (sender === NOBODY || agents.includes(sender) || streams.includes(stream)) return;
  // Of what was taken out of the configuration something may be kept still.
  const counts = countsOf(sender);
  if (counts === null || counts.kept.entries > 0) return;
  const nearest = nearestName(sender, [...agents, ...streams.map((name) => `${name}/0`)]);
  const wayOut =
    nearest === undefined ? "/api/v1/agents and /api/v1/records list who sends" : `did you mean ${nearest}?`;
  throw new ProblemError("unknown_agent", `central has not heard of ${sender}; ${wayOut}`);
}
