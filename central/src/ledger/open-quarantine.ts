import type { Change, Store } from "@millrace/queue";
import { CENTRAL_KEYS, keysUnder, numberOf } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import type { StoredValues } from "../store/stored-values.ts";
import { Quarantine, QUARANTINE_TOTALS } from "./quarantine.ts";
import type { QuarantineLimits, QuarantineTotals } from "./quarantine.ts";
import type { QuarantineEntry } from "./quarantine-entry.ts";
import { QUARANTINE_ENTRIES, QUARANTINE_SEGMENT, quarantineSegment } from "./quarantine-segment.ts";
import type { QuarantineSegment } from "./quarantine-segment.ts";

/** Up to format 3 an entry was a value of its own, and nothing else was stored of it. */
const ENTRY = new StoredJson<QuarantineEntry>({
  number: "number",
  atMs: "number",
  agent: "string",
  reason: "string",
});

/** What the store has of it; of a store that is older, or has lost what says so, what its entries say. */
export async function openQuarantine(
  store: Store,
  stored: StoredValues,
  limits: QuarantineLimits,
): Promise<Quarantine> {
  const quarantine = new Quarantine(limits);
  const totals = await stored.get(CENTRAL_KEYS.quarantineTotals(), QUARANTINE_TOTALS);
  if (totals !== null) quarantine.restore(await stored.under("Q", QUARANTINE_SEGMENT), totals);
  else {
    const found = await foundIn(store);
    quarantine.restore(found.segments, found.totals);
    if (found.changes.length > 0) await store.commit(found.changes, { isSync: true });
  }
  return quarantine;
}

async function foundIn(store: Store): Promise<{
  readonly segments: readonly QuarantineSegment[];
  readonly totals: QuarantineTotals;
  readonly changes: readonly Change[];
}> {
  const segments: QuarantineSegment[] = [];
  const changes: Change[] = [];
  let next = 0;
  for await (const { key, value } of store.range(keysUnder("q"))) {
    const entry = ENTRY.read(value);
    const entries = entry === null ? QUARANTINE_ENTRIES.read(value) : [entry];
    const number = numberOf(key);
    next = number + Math.max(1, entries?.length ?? 0);
    if (entries === null || entries.length === 0) {
      changes.push({ type: "del", key });
      continue;
    }
    const put = quarantineSegment(number, entries);
    for (const change of put.changes) changes.push(change);
    segments.push(put.segment);
  }
  const totals = { next, flood: 0, room: 0, age: 0 };
  if (changes.length > 0) changes.push(QUARANTINE_TOTALS.put(CENTRAL_KEYS.quarantineTotals(), totals));
  return { segments, totals, changes };
}
