import type { Store } from "@millrace/queue";
import type { WindowEngine, WindowResult } from "@millrace/stream";
import { CENTRAL_KEYS } from "../store/central-keys.ts";

/** Results whose panes are read at a time: bounds memory, also where none shares panes with another. */
const RESULTS_MAX = 20;

/** These stored results, in their order, the outdated ones with the values that the store's panes have now. */
export async function computedWindows(
  store: Store,
  engine: WindowEngine,
  results: readonly WindowResult[],
  nowMs: () => number,
): Promise<WindowResult[]> {
  const computed: WindowResult[] = [];
  for (let at = 0; at < results.length; at += RESULTS_MAX) {
    const some = results.slice(at, at + RESULTS_MAX);
    const keys = engine.outdatedKeys(some);
    const values = keys.length === 0 ? [] : await store.getMany(keys.map((key) => CENTRAL_KEYS.engine(key)));
    const found = new Map<string, Uint8Array>();
    for (const [index, value] of values.entries()) if (value !== undefined) found.set(keys[index], value);
    for (const result of engine.computed(some, found, nowMs())) computed.push(result);
  }
  return computed;
}
