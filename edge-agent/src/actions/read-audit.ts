import type { Store } from "@millrace/queue";
import { parseJson, PREFIX, prefixRange } from "../durability/agent-store.ts";

/** The audit trail, oldest first; damaged lines are left out. */
export async function* readAudit(store: Store): AsyncIterable<Readonly<Record<string, unknown>>> {
  for await (const { value } of store.range(prefixRange(PREFIX.audit))) {
    const line = parseJson(value);
    if (typeof line === "object" && line !== null) yield { ...line };
  }
}
