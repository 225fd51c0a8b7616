// The stored windows: what is past its retention goes at least as fast as new results come.
import { MemoryStore } from "@millrace/queue";
import type { Change } from "@millrace/queue";
import { stateKey } from "@millrace/stream";
import { expect, test } from "vitest";
import { CENTRAL_KEYS, keysUnder } from "../store/central-keys.ts";
import { RECENT_MS, TRIMMED_MAX, WindowHistory } from "./window-history.ts";

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

async function startsOf(store: MemoryStore): Promise<number> {
  let count = 0;
  for await (const _ of store.range(keysUnder("e"))) count += 1;
  return count;
}

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
