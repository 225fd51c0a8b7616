// The simulated disk loses exactly what was not synced, and fails when it is told to.
import { expect, test } from "vitest";
import { MemoryStore } from "./memory-store.ts";
import type { Change } from "./store.ts";

const put = (at: number): Change => ({ type: "put", key: Uint8Array.of(at), value: Uint8Array.of(at) });
const held = async (store: MemoryStore, at: number) => (await store.get(Uint8Array.of(at))) !== undefined;

test("a crash loses the unsynced tail; a sync covers all before it; the old handle is dead", async () => {
  const store = new MemoryStore();
  await store.commit([put(1)], { isSync: false });
  await store.commit([put(2)], { isSync: true });
  await store.commit([put(3)], { isSync: false });
  const next = store.crash();
  expect([await held(next, 1), await held(next, 2), await held(next, 3)]).toEqual([true, true, false]);
  await expect(store.get(Uint8Array.of(1))).rejects.toMatchObject({ code: "store_read" });
  await expect(store.commit([put(4)], { isSync: true })).rejects.toMatchObject({ code: "store_write" });
});

test("a torn tail keeps a first part of it, whole commits each", async () => {
  for (const [share, expected] of [
    [0, [false, false]],
    [0.5, [true, false]],
    [0.99, [true, true]],
  ] as const) {
    const store = new MemoryStore({ random: { next: () => share } });
    await store.commit([put(1), put(2)], { isSync: false });
    await store.commit([put(3)], { isSync: false });
    const next = store.crash({ tornTail: true });
    expect([await held(next, 1), await held(next, 3)]).toEqual(expected);
    expect(await held(next, 2)).toBe(expected[0]);
  }
});

test("a commit under way at the crash is refused, and may be on the disk all the same", async () => {
  const gate = Promise.withResolvers<void>();
  const store = new MemoryStore({
    random: { next: () => 0.9 },
    delay: (kind) => (kind === "commit" ? gate.promise : Promise.resolve()),
  });
  const commit = store.commit([put(1)], { isSync: true });
  const next = store.crash({ tornTail: true });
  gate.resolve();
  await expect(commit).rejects.toMatchObject({ code: "store_write" });
  expect(await held(next, 1)).toBe(true);
});

test("an orderly or killed process loses nothing; a snapshot restores and clones", async () => {
  const store = new MemoryStore();
  await store.commit([put(1)], { isSync: true });
  const snapshot = store.snapshot();
  await store.commit([put(2)], { isSync: false });
  expect(await held(store.restart(), 2)).toBe(true);
  expect(await held(MemoryStore.restore(snapshot), 2)).toBe(false);
  expect(await held(MemoryStore.restore(snapshot), 1)).toBe(true);
});

test("after a failed commit all fail, without effect, until the store is opened again", async () => {
  const store = new MemoryStore();
  store.failNextCommits(1);
  await expect(store.commit([put(1)], { isSync: true })).rejects.toMatchObject({ code: "store_write" });
  await expect(store.commit([put(1)], { isSync: true })).rejects.toMatchObject({ code: "store_write" });
  expect(await held(store, 1)).toBe(false);
  await store.reopen();
  await store.commit([put(1)], { isSync: true });
  expect(await held(store, 1)).toBe(true);
  expect(store.commitCount).toBe(3);
});

test("the numbered commit or operation fails, no other", async () => {
  const store = new MemoryStore({ isStickyOnFailure: false });
  store.failCommitNumber(2);
  const commits = [1, 2, 3].map((at) =>
    store.commit([put(at)], { isSync: true }).then(
      () => true,
      () => false,
    ),
  );
  expect(await Promise.all(commits)).toEqual([true, false, true]);
  store.failOperationNumber(store.operationCount + 1);
  await expect(store.get(Uint8Array.of(1))).rejects.toMatchObject({ code: "store_read" });
  expect(await held(store, 1)).toBe(true);
});
