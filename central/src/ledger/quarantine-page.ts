import type { Store } from "@millrace/queue";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import type { Quarantine, QuarantineFilter } from "./quarantine.ts";
import type { QuarantineEntry } from "./quarantine-entry.ts";
import { QUARANTINE_ENTRIES } from "./quarantine-segment.ts";

/** Values of the store, of up to 50 KB. */
const READ_AT_ONCE = 64;

/** At most so many of these entries, the latest first. */
export async function quarantinePage(
  store: Store,
  quarantine: Quarantine,
  { limit, ...filter }: QuarantineFilter & { readonly limit: number },
): Promise<QuarantineEntry[]> {
  const { before = Infinity } = filter;
  const page: QuarantineEntry[] = [];
  const segments = quarantine.segments(filter);
  for (let at = 0; at < segments.length && page.length < limit;) {
    const keys: Uint8Array[] = [];
    for (
      let left = limit - page.length;
      left > 0 && at < segments.length && keys.length < READ_AT_ONCE;
      at += 1
    ) {
      keys.push(CENTRAL_KEYS.quarantine(segments[at].number));
      left -= segments[at].count;
    }
    for (const bytes of await store.getMany(keys)) {
      // Nothing is there where its commit is under way, or it was given up meanwhile.
      const entries = bytes === undefined ? null : QUARANTINE_ENTRIES.read(bytes);
      for (const entry of entries?.toReversed() ?? [])
        if (entry.number < before && page.length < limit) page.push(entry);
    }
  }
  return page;
}
