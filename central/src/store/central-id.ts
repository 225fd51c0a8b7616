import type { Store } from "@millrace/queue";
import type { Random } from "@millrace/runtime";
import { CENTRAL_KEYS } from "./central-keys.ts";
import { StoredJson } from "./stored-json.ts";

const CENTRAL_ID = new StoredJson<{ readonly id: string }>({ id: "string" });
const ID_BYTES = 4;

/**
 * What tells this central from others where they meet, at a broker: drawn once, and kept with the store. A restored store has
 * the id of the one that the backup is of. Rejects with `store_read` or `store_write`.
 */
export async function centralId(store: Store, random: Random): Promise<string> {
  const bytes = await store.get(CENTRAL_KEYS.centralId());
  const known = bytes === undefined ? null : CENTRAL_ID.read(bytes);
  if (known !== null) return known.id;
  const id = random.hex(ID_BYTES);
  await store.commit([CENTRAL_ID.put(CENTRAL_KEYS.centralId(), { id })], { isSync: true });
  return id;
}
