// What an earlier version stored of a rule's windows, in greater pages, is stored anew page by page, and none of it is lost.
import type { WindowRuleSpec } from "@millrace/detect";
import { MemoryStore } from "@millrace/queue";
import type { Change } from "@millrace/queue";
import { seriesKey } from "@millrace/stream";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CENTRAL_KEYS, keysUnder } from "../store/central-keys.ts";
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
const book = () =>
  new WindowWatchBook({ rule: RULE, window: WINDOW, stream: null, isTable: false, hasRoom: () => true });

const GROUP = seriesKey("w", { site: "a" });
const PLACES = Array.from({ length: 35 }, (_, index) => FIRST + index);

async function stored(store: MemoryStore) {
  const pages: (readonly number[])[] = [];
  for await (const { value } of store.range(keysUnder("Y")))
    pages.push(STORED_PAGES.read(value)?.windows.map(([startMs]) => startMs / MINUTE_MS) ?? []);
  return pages;
}

async function earlierStore(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const window = (place: number) => [place * MINUTE_MS, (place + 1) * MINUTE_MS, place, 1, 1, 1, 1];
  const pages = Map.groupBy(PLACES, (place) => Math.floor(place / EARLIER_PAGE_WINDOWS));
  const judged = { floorMs: null, floorEndMs: null, course: { last: null, open: null, detector: null } };
  const state = {
    rule: "r",
    judges: book().judges,
    labels: { site: "a" },
    judged,
    silentToMs: null,
    alarms: [],
  };
  const earlier: Change[] = [STORED_GROUPS.put(CENTRAL_KEYS.windowGroup("r", GROUP), state)];
  for (const [page, those] of pages) {
    const key = CENTRAL_KEYS.windowPage("r", GROUP, page);
    const windows = those.map(window);
    earlier.push(STORED_PAGES.put(key, { rule: "r", group: GROUP, windows, agentsMissing: {} }));
  }
  await store.commit(earlier, { isSync: true });
  return store;
}

/** A window as central starts, and what is stored with it. `value` null: there is nothing in it any more. */
async function judgeAtStart(store: MemoryStore, place: number, value: number | null): Promise<Change[]> {
  const opened = book();
  expect((await openWindowWatches(store, [opened])).changes).toEqual([]);
  const result: WindowResult = {
    window: "w",
    metric: "m",
    group: { site: "a" },
    startMs: place * MINUTE_MS,
    endMs: (place + 1) * MINUTE_MS,
    revision: 2,
    state: "complete",
    values: value === null ? {} : { max: value },
    beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
    completeness: {
      agentsExpected: 1,
      agentsReporting: 1,
      agentsMissing: [],
      agentsWithLoss: [],
      sitesExpected: 1,
      sitesReporting: 1,
      sitesMissing: [],
    },
    updatedAtMs: 0,
  };
  opened.watch.judge(
    { result, isWaitedFor: true },
    { nowMs: 0, awakeMs: null, historicalBeforeMs: -Infinity },
  );
  const changes = [...opened.takeChanges()];
  await store.commit(changes, { isSync: true });
  return changes;
}

test("a start stores nothing of an earlier version anew; a window does, in the page that it is in alone", async () => {
  const store = await earlierStore();
  expect(await stored(store)).toHaveLength(3);
  // The group, the page that is gone, and what is of it now.
  expect(await judgeAtStart(store, PLACES[34], 1)).toHaveLength(3);
  expect((await stored(store)).map(({ length }) => length)).toEqual([1, 32, 2]);
  expect(await judgeAtStart(store, PLACES[4], 1)).toHaveLength(6);
  expect(Math.max(...(await stored(store)).map(({ length }) => length))).toBe(8);
});

test("whichever windows come, change and go in whatever order: none in pages of an earlier version is lost or comes back", async () => {
  const turn = fc.tuple(fc.integer({ min: 0, max: 90 }), fc.option(fc.integer({ min: 0, max: 80 })));
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 8 }), async (turns) => {
      const store = await earlierStore();
      const places = new Set(PLACES);
      for (const [place, value] of turns) {
        await judgeAtStart(store, place, value);
        if (value === null) places.delete(place);
        else places.add(place);
        expect((await stored(store)).flat().sort((a, b) => a - b)).toEqual([...places].sort((a, b) => a - b));
      }
    }),
  );
});
