// What an earlier version stored of a rule's windows, in greater pages, is taken up once, and nothing of it stays behind.
import type { WindowRuleSpec } from "@millrace/detect";
import { MemoryStore } from "@millrace/queue";
import type { Change } from "@millrace/queue";
import type { WindowSpec } from "@millrace/stream";
import { expect, test } from "vitest";
import { CENTRAL_KEYS, keysUnder } from "../core/central-keys.ts";
import { openWindowWatches } from "./open-window-watches.ts";
import { STORED_GROUPS, STORED_PAGES, WindowWatchBook } from "./window-watch-book.ts";

const MINUTE_MS = 60_000;
const EARLIER_PAGE_WINDOWS = 32;
const FIRST = 31;
const WINDOW: WindowSpec = {
  name: "w",
  metric: "m",
  by: ["site"],
  kind: "aligned",
  sizeMs: MINUTE_MS,
  slideMs: MINUTE_MS,
  offsetMs: 0,
  latenessMs: 0,
};
const RULE: WindowRuleSpec = {
  name: "r",
  metric: "m",
  window: { name: "w", value: "max" },
  when: { kind: "above", limit: 90, clear: 85, forAtLeastMs: 0 },
  judgedAt: "complete",
  reportingMin: 0,
  severity: 500,
  message: "",
  isLatched: false,
  action: null,
};
const book = () => new WindowWatchBook({ rule: RULE, window: WINDOW, stream: null, isTable: false });

async function stored(store: MemoryStore) {
  const pages: (readonly number[])[] = [];
  for await (const { value } of store.range(keysUnder("Y")))
    pages.push(STORED_PAGES.read(value)?.windows.map(([startMs]) => startMs / MINUTE_MS) ?? []);
  return pages;
}

test("windows in pages of an earlier version are stored anew with the first commit, and then stand as they are", async () => {
  const store = new MemoryStore();
  const group = "w\0site\0a";
  const window = (place: number) => [place * MINUTE_MS, (place + 1) * MINUTE_MS, place, 1, 1, 1, 1];
  const places = Array.from({ length: 35 }, (_, index) => FIRST + index);
  const pages = Map.groupBy(places, (place) => Math.floor(place / EARLIER_PAGE_WINDOWS));
  const judged = { floorMs: null, floorEndMs: null, course: { last: null, open: null, detector: null } };
  const state = {
    rule: "r",
    judges: book().judges,
    labels: { site: "a" },
    judged,
    silentToMs: null,
    alarms: [],
  };
  const earlier: Change[] = [STORED_GROUPS.put(CENTRAL_KEYS.windowGroup("r", group), state)];
  for (const [page, those] of pages) {
    const key = CENTRAL_KEYS.windowPage("r", group, page);
    earlier.push(STORED_PAGES.put(key, { rule: "r", group, windows: those.map(window), agentsMissing: {} }));
  }
  await store.commit(earlier, { isSync: true });
  expect(await stored(store)).toHaveLength(3);

  const first = await openWindowWatches(store, [book()]);
  await store.commit(first.changes, { isSync: true });
  const now = await stored(store);
  expect(now.flat()).toEqual(places);
  expect(Math.max(...now.map(({ length }) => length))).toBe(8);

  const again = book();
  expect((await openWindowWatches(store, [again])).changes).toEqual([]);
  expect(again.watch.groupCount).toBe(1);
});
