// How far a sink is, in central's store: of one place, and forgotten for good where it is forgotten.
import { MemoryStore } from "@millrace/queue";
import { expect, test } from "vitest";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { StoreMark } from "./store-mark.ts";

test("a mark is of its sink and its place", async () => {
  const store = new MemoryStore();
  const mark = new StoreMark(store, "kafka", "here");
  expect(await mark.read()).toBeNull();
  await mark.write(1_767_607_200_000);
  expect(await mark.read()).toBe(1_767_607_200_000);
  expect(await new StoreMark(store, "file", "here").read()).toBeNull();
  expect(await new StoreMark(store, "kafka", "elsewhere").read()).toBeNull();
});

test("one that is forgotten or taken back stays so through a power cut, and one that cannot be read is none", async () => {
  const store = new MemoryStore();
  const mark = new StoreMark(store, "kafka", "here");
  await mark.write(5_000);
  const other = { type: "put", key: Uint8Array.of(1), value: Uint8Array.of(1) } as const;
  await store.commit([other], { isSync: true });
  await mark.write(null);
  let left = store.crash();
  const again = new StoreMark(left, "kafka", "here");
  expect(await again.read()).toBeNull();
  // So does one that is taken back.
  await again.write(5_000);
  await left.commit([other], { isSync: true });
  await again.write(4_000);
  left = left.crash();
  expect(await new StoreMark(left, "kafka", "here").read()).toBe(4_000);
  const value = new TextEncoder().encode('{"place":"here"');
  await left.commit([{ type: "put", key: CENTRAL_KEYS.sinkMark("kafka"), value }], { isSync: true });
  expect(await new StoreMark(left, "kafka", "here").read()).toBeNull();
});
