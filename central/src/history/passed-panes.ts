import type { Change, Store } from "@millrace/queue";
import { viewPaneMs } from "@millrace/stream";
import { HISTORY_KEYS } from "./history-keys.ts";
import { seriesKeyOfView } from "./series-key.ts";
import { SERIES } from "./series-record.ts";

/**
 * Panes are brought into the size of this view, by its name as in keys. To be written with the first of them: should the start
 * break off, and the next one have them in the size that they had, they are not where they were when they were rolled up.
 */
export async function passedPanes(store: Store, viewKey: string): Promise<Change[]> {
  const key = HISTORY_KEYS.series(seriesKeyOfView(viewKey));
  const stored = await store.get(key);
  const record = stored === undefined ? null : SERIES.read(stored);
  if (record === null) return [];
  const passedMs = [...new Set([...(record.passedMs ?? []), viewPaneMs(viewKey)])];
  return [SERIES.put(key, { ...record, passedMs })];
}
