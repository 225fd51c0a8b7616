import type { Change, Store } from "@millrace/queue";
import { CENTRAL_KEYS, keysUnder } from "../store/central-keys.ts";
import { STREAMS } from "./stored-streams.ts";

/**
 * A stream whose ids, and rows of a table, are about to be cleared. It keeps its positions; should it come back it goes on there,
 * and sets aside what is of a time that it had reached: nobody knows any more what of that has come.
 */
export async function clearedStream(store: Store, stream: string): Promise<Change[]> {
  const key = CENTRAL_KEYS.records(stream);
  const bytes = await store.get(key);
  const record = bytes === undefined ? null : STREAMS.read(bytes);
  if (record === null) return [];
  const { ids, table, timeMs } = record;
  // No record, whatever its partition, is later than the stream's own time.
  const clearedToMs = Math.ceil(timeMs ?? ids?.watermarkMs ?? 0);
  let floorMs = table?.floorMs ?? null;
  for await (const last of store.range({ ...keysUnder("x", stream), limit: 1, isReverse: true }))
    floorMs = Math.max(floorMs ?? -Infinity, CENTRAL_KEYS.ofRowTime(last.key).keptMs + 1);
  return [
    STREAMS.put(key, {
      ...record,
      ids: ids === null ? null : { ...ids, clearedToMs },
      ...(table === undefined ? {} : { table: { ...table, count: 0, floorMs, sweptTo: null } }),
    }),
  ];
}
