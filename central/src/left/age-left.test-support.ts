import type { Store } from "@millrace/queue";
import { keysUnder } from "../store/central-keys.ts";
import { LEFT } from "./left-record.ts";

/** As if central had run without what has left for as long as that is kept; for the next start. */
export async function ageLeft(store: Store): Promise<void> {
  for await (const { key, value } of store.range(keysUnder("L"))) {
    const record = LEFT.read(value);
    if (record !== null)
      await store.commit([LEFT.put(key, { ...record, absentMs: record.keepMs })], { isSync: true });
  }
}
