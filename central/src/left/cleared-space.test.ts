// What was cleared is given back a little at a time, and not at all where it is little.
import { MemoryStore } from "@millrace/queue";
import { expect, test } from "vitest";
import { ClearedSpace } from "./cleared-space.ts";

/** Keys in a row, each with so many bytes, and how many of them each merging of the store is of. */
async function mergings(keyCount: number, valueBytes: number): Promise<number[]> {
  const store = new MemoryStore({});
  const merged: number[] = [];
  const numberOf = (key: Uint8Array) => Buffer.from(key).readUInt32BE();
  store.compact = async (from, to) => void merged.push(numberOf(to) - numberOf(from) + 1);
  const space = new ClearedSpace(store);
  const value = new Uint8Array(valueBytes);
  for (let number = 0; number < keyCount; number++) {
    const key = Buffer.alloc(4);
    key.writeUInt32BE(number);
    space.add({ key, value });
  }
  space.endRow();
  while (space.giveBack()) await new Promise((resolve) => setImmediate(resolve));
  return merged;
}

test("few keys in a row are left to the store, many are merged in parts, by their number or their size", async () => {
  expect(await mergings(999, 1)).toEqual([]);
  expect(await mergings(1_000, 1)).toEqual([1_000]);
  expect(await mergings(120_000, 1)).toEqual([50_000, 50_000, 20_000]);
  expect(await mergings(10, 6_000_000)).toEqual([3, 3, 3]);
});
