// What sinks tell centrals apart by.
import { MemoryStore } from "@millrace/queue";
import { SeededRandom } from "@millrace/testkit";
import { expect, test } from "vitest";
import { raisedGeneration } from "./raised-generation.ts";

const NOW = 1_795_770_513_250;

test("rises with each start, whatever the clock says, and above what a store that was here before had", async () => {
  const random = new SeededRandom(1);
  const store = new MemoryStore();
  const first = await raisedGeneration(store, { nowMs: NOW, random });
  const second = await raisedGeneration(store, { nowMs: NOW - 86_400_000, random });
  expect(second).toBe(first + 1);
  expect(await raisedGeneration(new MemoryStore(), { nowMs: NOW + 1_000, random })).toBeGreaterThan(second);
});

test("copies of a store that are started in the same millisecond have two; both are numbers that Redis writes out", async () => {
  const store = new MemoryStore();
  const random = new SeededRandom(1);
  await raisedGeneration(store, { nowMs: NOW - 60_000, random });
  const copies = [1, 2].map((seed) => ({
    store: new MemoryStore({}, store.snapshot()),
    random: new SeededRandom(seed),
  }));
  const generations = await Promise.all(
    copies.map((copy) => raisedGeneration(copy.store, { nowMs: NOW, random: copy.random })),
  );
  expect(new Set(generations).size).toBe(2);
  for (const generation of generations) expect(String(generation)).toHaveLength(14);
});
