// The stored windows: what is past its retention goes at least as fast as new results come; the newest of each group are found.
import { MemoryStore } from "@millrace/queue";
import type { Change } from "@millrace/queue";
import { encodeWindow, labelsKey, stateKey } from "@millrace/stream";
import type { WindowResult } from "@millrace/stream";
import { expect, test } from "vitest";
import type { WindowPage } from "../api/central-reader.ts";
import { CENTRAL_KEYS, keysUnder } from "../store/central-keys.ts";
import { LATEST_SCANNED_MAX, RECENT_MS, TRIMMED_MAX, WindowHistory } from "./window-history.ts";

const SPEC = {
  name: "t",
  metric: "m",
  kind: "aligned" as const,
  sizeMs: 1_000,
  slideMs: 1_000,
  offsetMs: 0,
  by: ["site"],
  latenessMs: 1_000,
};
const RETAIN_MS = 10_000;
const KEPT_MS = RETAIN_MS + RECENT_MS + SPEC.sizeMs;

/** Results of one second, one for each group. */
function second(startMs: number, groupCount: number): Change[] {
  return Array.from({ length: groupCount }, (_, group) => ({
    type: "put",
    key: CENTRAL_KEYS.engine(stateKey("w", "t", startMs, `["${group}"]`)),
    value: new Uint8Array(),
  }));
}

function resultOf(startMs: number, site: string): WindowResult {
  return {
    window: "t",
    metric: "m",
    group: { site },
    startMs,
    endMs: startMs + 1_000,
    revision: 1,
    state: "complete",
    values: { count: 1 },
    beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
    completeness: {
      agentsExpected: 1,
      agentsReporting: 1,
      agentsMissing: [],
      sitesExpected: 1,
      sitesReporting: 1,
      sitesMissing: [],
    },
    updatedAtMs: startMs,
  };
}

async function startsOf(store: MemoryStore): Promise<number> {
  let count = 0;
  for await (const _ of store.range(keysUnder("e"))) count += 1;
  return count;
}

/** Results of windows of one start, one for each of these groups. */
function results(startMs: number, sites: readonly string[]): Change[] {
  return sites.map((site) => ({
    type: "put",
    key: CENTRAL_KEYS.engine(stateKey("w", "t", startMs, JSON.stringify([site]))),
    value: Buffer.from(
      JSON.stringify({
        window: "t",
        group: { site },
        startMs,
        endMs: startMs + SPEC.sizeMs,
        revision: 1,
        state: "complete",
        values: { count: 1 },
        completeness: { agentsMissing: [], sitesMissing: [] },
      }),
    ),
  }));
}

const sites = (count: number, name = "site") => Array.from({ length: count }, (_, at) => `${name}-${at}`);

/** @param windowCount that are asked for */
async function latest(changes: readonly Change[][], windowCount = 1) {
  const store = new MemoryStore({});
  for (const each of changes) await store.commit(each, { isSync: false });
  const others = Array.from({ length: windowCount - 1 }, (_, at) => ({ ...SPEC, name: `t${at}` }));
  const history = new WindowHistory({ store, windows: [SPEC, ...others], retainMs: RETAIN_MS });
  const { windows, searchedAfterMs } = await history.latest(null);
  const starts = new Map(windows.map(({ group, startMs }) => [group["site"], startMs]));
  expect(starts.size).toBe(windows.length);
  return { starts, searchedAfterMs };
}

test("the newest window of each of five thousand groups is found, of those too that lag by a window", async () => {
  const all = sites(5_000);
  const { starts, searchedAfterMs } = await latest([
    results(0, ["gone"]),
    results(7_000, all),
    results(8_000, all),
    results(9_000, all.slice(0, 100)),
  ]);
  expect(starts).toEqual(new Map(all.map((site, at) => [site, at < 100 ? 9_000 : 8_000] as const)));
  // Whoever has nothing since then may have been left out, and it is said.
  expect(searchedAfterMs).toEqual({ t: 0 });
});

test("of few groups those are found that have been silent for long, and all has been looked at", async () => {
  const { starts, searchedAfterMs } = await latest([
    results(0, ["gone"]),
    ...Array.from({ length: 100 }, (_, second) => results((second + 1) * 1_000, sites(3))),
  ]);
  expect(starts).toEqual(new Map([...sites(3).map((site) => [site, 100_000] as const), ["gone", 0]]));
  expect(searchedAfterMs).toEqual({});
});

test("more than are looked at: what is found is the newest of its group, and from where on all is there is said", async () => {
  const windowCount = 20;
  const lookedAt = LATEST_SCANNED_MAX / windowCount;
  const { starts, searchedAfterMs } = await latest(
    [results(8_000, sites(lookedAt)), results(9_000, sites(20, "other"))],
    windowCount,
  );
  expect(starts.size).toBe(lookedAt);
  expect(sites(20, "other").every((site) => starts.get(site) === 9_000)).toBe(true);
  expect(searchedAfterMs).toEqual({ t: 8_000 });
});

test("sixty results a second, and ten thousand, are forgotten as fast as they come", async () => {
  for (const groupCount of [60, 10_000]) {
    const store = new MemoryStore({});
    const history = new WindowHistory({ store, windows: [SPEC], retainMs: RETAIN_MS });
    for (let at = 0; at < 20; at++) {
      const nowMs = at * 1_000 + KEPT_MS;
      await store.commit(second(at * 1_000, groupCount), { isSync: false });
      const changes = await history.trim({ nowMs, finalToMs: () => Infinity, publishedCount: groupCount });
      await store.commit(changes, { isSync: false });
      expect(await startsOf(store)).toBe(groupCount);
    }
  }
});

test("what is due goes in slices, says how far behind it is, and only once it is final", async () => {
  const store = new MemoryStore({});
  const history = new WindowHistory({ store, windows: [SPEC], retainMs: RETAIN_MS });
  for (let at = 0; at < 5; at++) await store.commit(second(at * 1_000, 1_000), { isSync: false });
  const trim = async (finalToMs: number) => {
    const changes = await history.trim({
      nowMs: KEPT_MS + 5_000,
      finalToMs: () => finalToMs,
      publishedCount: 0,
    });
    await store.commit(changes, { isSync: false });
    return [changes.length, history.trimLagMs, await startsOf(store)];
  };
  expect(await trim(-Infinity)).toEqual([0, 0, 5_000]);
  expect(await trim(1_000)).toEqual([1_000, 0, 4_000]);
  expect(await trim(Infinity)).toEqual([TRIMMED_MAX, 3_000, 2_000]);
  expect(await trim(Infinity)).toEqual([TRIMMED_MAX, 1_000, 0]);
  expect(await trim(Infinity)).toEqual([0, 0, 0]);
});

test("pages of the newest first give each result once, in the reverse of the others' order", async () => {
  const store = new MemoryStore({});
  const history = new WindowHistory({ store, windows: [SPEC], retainMs: RETAIN_MS });
  for (let startMs = 0; startMs < 5_000; startMs += 1_000) {
    const puts = ["a", "b", "c"].map((site) => {
      const result = resultOf(startMs, site);
      const key = CENTRAL_KEYS.engine(stateKey("w", "t", startMs, labelsKey(result.group)));
      return { type: "put" as const, key, value: encodeWindow(result) };
    });
    await store.commit(puts, { isSync: false });
  }
  const all = async (isNewestFirst: boolean) => {
    const found: string[] = [];
    let cursor: string | null = null;
    for (let pages = 0; pages < 20; pages += 1) {
      const query = { window: "t", group: {}, fromMs: 1_000, toMs: 4_000, limit: 2, isNewestFirst };
      const page: WindowPage = await history.page({ ...query, cursor });
      found.push(...page.windows.map(({ startMs, group }) => `${startMs} ${group["site"]}`));
      cursor = page.cursor;
      if (cursor === null) break;
    }
    return found;
  };
  const ascending = await all(false);
  expect(ascending).toHaveLength(9);
  expect(await all(true)).toEqual(ascending.toReversed());
});
