import { endOf } from "@millrace/detect";
import type { AlarmEvent } from "@millrace/detect";
import type { Change, Store } from "@millrace/queue";
import { CENTRAL_KEYS, keysUnder } from "../store/central-keys.ts";
import type { LeftRules } from "../alarms/left-rules.ts";
import { STORED_GROUPS, STORED_PAGES } from "./window-watch-book.ts";
import type { KeyedPage, WindowWatchBook } from "./window-watch-book.ts";

/** Gives each rule what the store has of it. Rejects with `store_read`. */
export async function openWindowWatches(store: Store, books: readonly WindowWatchBook[]): Promise<LeftRules> {
  const byRule = new Map(books.map((book) => [book.rule.name, book]));
  const ended: AlarmEvent[] = [];
  const changes: Change[] = [];
  let unreadableCount = 0;
  for await (const { key, value } of store.range(keysUnder("y"))) {
    const state = STORED_GROUPS.read(value);
    if (state === null) {
      unreadableCount += 1;
      continue;
    }
    const { pages, keys, unreadable } = await pagesOf(store, CENTRAL_KEYS.windowPages(key));
    unreadableCount += unreadable;
    const book = byRule.get(state.rule);
    if (book?.judges === state.judges) {
      book.restore(state, pages);
      continue;
    }
    const endReason = book === undefined ? "rule_removed" : "condition_changed";
    for (const alarm of state.alarms) if (alarm.isActive) ended.push(endOf(alarm, alarm.timeMs, endReason));
    for (const gone of [key, ...keys]) changes.push({ type: "del", key: gone });
  }
  return { ended, changes, unreadableCount };
}

async function pagesOf(store: Store, range: { readonly from: Uint8Array; readonly to: Uint8Array }) {
  const pages: KeyedPage[] = [];
  const keys: Uint8Array[] = [];
  let unreadable = 0;
  for await (const { key, value } of store.range(range)) {
    keys.push(key);
    const page = STORED_PAGES.read(value);
    if (page === null) unreadable += 1;
    else pages.push({ key, page });
  }
  return { pages, keys, unreadable };
}
