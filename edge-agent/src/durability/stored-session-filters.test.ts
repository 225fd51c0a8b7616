// What brokers' sessions may hold, over restarts and over other brokers.
import { MemoryStore } from "@millrace/queue";
import { expect, test } from "vitest";
import { StoredSessionFilters } from "./stored-session-filters.ts";

function keptIn(store: MemoryStore) {
  return new StoredSessionFilters({ store, keep: (changes) => store.commit(changes, { isSync: true }) });
}

test("each session's filters are found again after a restart, those of the last eight sessions", async () => {
  const store = new MemoryStore();
  const before = keptIn(store);
  for (let broker = 1; broker <= 8; broker += 1) await before.save(`agent at ${broker}`, [`${broker}/#`]);
  await before.save("agent at 1", ["1/#", "x"]);
  await before.save("agent at 9", ["9/#"]);
  for (const sessions of [before, keptIn(store)]) {
    expect(await sessions.read("agent at 1")).toEqual(["1/#", "x"]);
    expect(await sessions.read("agent at 2")).toEqual([]);
    expect(await sessions.read("agent at 3")).toEqual(["3/#"]);
    expect(await sessions.read("agent at 9")).toEqual(["9/#"]);
  }
});

test("what is as it was makes no commit", async () => {
  const store = new MemoryStore();
  let commitCount = 0;
  const keep = async () => void (commitCount += 1);
  const sessions = new StoredSessionFilters({ store, keep });
  await sessions.save("agent at 1", ["b", "a"]);
  await sessions.save("agent at 1", ["a", "b"]);
  await sessions.save("agent at 2", []);
  expect(commitCount).toBe(1);
});
