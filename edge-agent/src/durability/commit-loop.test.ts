// Group commit: one write at a time, tried again with the very same changes, and nothing told durable before it is.
import { type Change, MemoryStore } from "@millrace/queue";
import { MillraceError, silentLogger } from "@millrace/runtime";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { CommitLoop } from "./commit-loop.ts";

/** Each commit carries the number of those before it. */
function loopOn(store: MemoryStore) {
  const time = new SimulatedTime(0);
  const collectedAtMs: number[] = [];
  const durable: number[] = [];
  let forGoodCount = 0;
  const loop = new CommitLoop({
    store,
    clock: time.clock(),
    random: new SeededRandom(1),
    log: silentLogger,
    collect() {
      const number = collectedAtMs.push(time.nowMs);
      return { changes: [put(number)], durable: () => durable.push(number) };
    },
    committed: () => undefined,
    failedForGood: () => (forGoodCount += 1),
  });
  return { loop, time, collectedAtMs, durable, forGoodCount: () => forGoodCount };
}

const put = (number: number): Change => ({
  type: "put",
  key: Uint8Array.of(number),
  value: Uint8Array.of(number),
});

test("the earliest of several requests decides, and all of them have one commit", async () => {
  const { loop, time, collectedAtMs, durable } = loopOn(new MemoryStore());
  loop.request(1_000);
  loop.request(200);
  loop.request(500);
  await time.run(199);
  expect(collectedAtMs).toEqual([]);
  await time.run(2_000);
  expect({ collectedAtMs, durable }).toEqual({ collectedAtMs: [200], durable: [1] });
});

test("what is asked for while a commit is under way has one of its own behind it", async () => {
  const gate = Promise.withResolvers<void>();
  const store = new MemoryStore({
    delay: (operation) => (operation === "commit" ? gate.promise : Promise.resolve()),
  });
  const { loop, time, collectedAtMs, durable } = loopOn(store);
  loop.request(0);
  await time.run(10);
  loop.request(0);
  await time.run(100);
  expect({ collected: collectedAtMs.length, durable }).toEqual({ collected: 1, durable: [] });
  gate.resolve();
  await time.run(100);
  expect(durable).toEqual([1, 2]);
});

test("a write that fails is tried again as it was, and nothing is durable, or follows it, before it is", async () => {
  const store = new MemoryStore();
  const { loop, time, collectedAtMs, durable } = loopOn(store);
  store.failNextCommits(5);
  loop.request(0);
  await time.run(100);
  expect({ isFailing: loop.isFailing, durable }).toEqual({ isFailing: true, durable: [] });
  loop.request(0);
  await time.run(60_000);
  expect({ isFailing: loop.isFailing, durable }).toEqual({ isFailing: false, durable: [1, 2] });
  expect(collectedAtMs).toHaveLength(2);
  for (const number of [1, 2]) expect(await store.get(Uint8Array.of(number))).toEqual(Uint8Array.of(number));
});

test("a store that never takes a write again ends the loop, once", async () => {
  const store = new MemoryStore();
  store.commit = () => Promise.reject(new MillraceError("store_gone", { path: "/data" }));
  const { loop, time, durable, forGoodCount } = loopOn(store);
  loop.request(0);
  await time.run(1_000);
  loop.request(0);
  await time.run(60_000);
  expect({ durable, times: forGoodCount(), isFailing: loop.isFailing }).toEqual({
    durable: [],
    times: 1,
    isFailing: true,
  });
});

test("at the end a store that fails is tried for two seconds more; what is left is given up and told", async () => {
  const store = new MemoryStore();
  const { loop, time, durable } = loopOn(store);
  store.failNextCommits(Number.MAX_SAFE_INTEGER);
  loop.request(0);
  await time.run(30_000);
  const endsAtMs = time.nowMs + 2_000;
  loop.hurry();
  await time.during(loop.flush());
  expect(time.nowMs).toBeLessThanOrEqual(endsAtMs + 1);
  await time.during(loop.stop());
  expect({ durable, isFailing: loop.isFailing }).toEqual({ durable: [], isFailing: true });
});
