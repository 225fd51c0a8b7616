import type { Completeness } from "../window-result.ts";

/** A completeness that all windows have which are as complete, and the text that is the same for the same one. */
export interface SharedCompleteness {
  readonly completeness: Completeness;
  readonly key: string;
}

/** Those that are shared; where there are more, sharing begins anew. */
const SHARED_MAX = 1_000;

/**
 * The windows of an outage lack the same agents, which may be a thousand, and wait for them in memory by the ten thousand: the list
 * is held once.
 */
export class CompletenessPool {
  readonly #shared = new Map<string, SharedCompleteness>();

  share(completeness: Completeness): SharedCompleteness {
    const key = keyOf(completeness);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      if (this.#shared.size >= SHARED_MAX) this.#shared.clear();
      shared = { completeness, key };
      this.#shared.set(key, shared);
    }
    return shared;
  }
}

function keyOf({
  agentsExpected,
  agentsMissing,
  agentsWithLoss = [],
  agentsCoarse = [],
  sitesExpected,
  sitesMissing,
}: Completeness): string {
  const agents = [agentsExpected, agentsMissing, agentsWithLoss, agentsCoarse];
  return JSON.stringify([...agents, sitesExpected, sitesMissing]);
}
