// Rows are kept as long as a window may still change by them, and no longer.
import { MemoryStore } from "@millrace/queue";
import { expect, test } from "vitest";
import { RowBook } from "./row-book.ts";

const HOUR_MS = 3_600_000;
const idOf = (number: number) => number.toString(16).padStart(24, "0");

test("rows that are put for a time that is over are not kept, those of later times are", async () => {
  const store = new MemoryStore({});
  const book = new RowBook("orders", 1_000_000);
  const put = async (numbers: readonly number[], keptMs: number) => {
    for (const number of numbers) {
      await book.load(store, [idOf(number)]);
      book.put(idOf(number), { position: null, keptMs, contribution: null });
    }
  };
  const commit = async (finalToMs: number) => {
    await book.tidy(store, finalToMs, () => {});
    await store.commit(book.takeChanges(), { isSync: true });
  };
  await put([1, 2], 5 * HOUR_MS);
  await commit(4 * HOUR_MS);
  expect(book.count).toBe(2);
  await commit(8 * HOUR_MS);
  expect(book.count).toBe(0);
  // Deletions that a partition brings which is hours behind, of rows that nobody knows; one row is changed twice.
  await put([3, 4], 5 * HOUR_MS);
  await put([3, 5], 9 * HOUR_MS);
  await commit(8 * HOUR_MS);
  expect(book.count).toBe(2);
  await commit(9 * HOUR_MS + 1);
  expect(book.count).toBe(0);
  for await (const entry of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) }))
    throw new Error(`something is left: ${Buffer.from(entry.key).toString("hex")}`);
});
