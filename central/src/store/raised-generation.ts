import type { Store } from "@millrace/queue";
import type { Random } from "@millrace/runtime";
import { CENTRAL_KEYS } from "./central-keys.ts";
import { StoredJson } from "./stored-json.ts";

/** Of one second: copies of a store that are started at once are still to be told apart. Fourteen digits in all, which Redis writes out. */
const IN_A_SECOND = 10_000;

const GENERATION = new StoredJson<{ readonly generation: number }>({ generation: "number" });

/**
 * A number above that of every earlier start of this store, and, by the clock, of a store that was here before it: after a new
 * store, a restored one or another pipeline, revisions begin anew or go back, and what sinks hold is of an earlier generation.
 * To be called before anything else writes to the store. Rejects with `store_read` or `store_write`.
 */
export async function raisedGeneration(
  store: Store,
  { nowMs, random }: { readonly nowMs: number; readonly random: Random },
): Promise<number> {
  const bytes = await store.get(CENTRAL_KEYS.generation());
  const earlier = bytes === undefined ? 0 : (GENERATION.read(bytes)?.generation ?? 0);
  const byClock = Math.floor(nowMs / 1_000) * IN_A_SECOND + Math.floor(random.next() * IN_A_SECOND);
  const generation = Math.max(earlier + 1, byClock);
  await store.commit([GENERATION.put(CENTRAL_KEYS.generation(), { generation })], { isSync: true });
  return generation;
}
