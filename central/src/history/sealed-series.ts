import type { Change, Store } from "@millrace/queue";
import { HISTORY_KEYS } from "./history-keys.ts";
import { SERIES } from "./series-record.ts";

/** All panes of a series are about to go: what is rolled up of them stays as it is, and is not made anew of those that still come. */
export async function sealedSeries(store: Store, key: string): Promise<Change[]> {
  const stored = await store.get(HISTORY_KEYS.series(key));
  const record = stored === undefined ? null : SERIES.read(stored);
  if (record === null || record.rolledToMs === null) return [];
  const droppedToMs = Math.max(record.droppedToMs ?? -Infinity, record.rolledToMs);
  return [SERIES.put(HISTORY_KEYS.series(key), { ...record, droppedToMs })];
}
