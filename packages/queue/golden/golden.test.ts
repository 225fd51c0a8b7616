// A store of every released format is read for ever: keys and values as that version wrote them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeSkippedBatch, openBatch } from "@millrace/wire";
import { expect, test } from "vitest";
import { BatchQueue } from "../src/batch-queue.ts";
import { MemoryStore } from "../src/memory-store.ts";
import type { Change } from "../src/store.ts";

test("format 1", async () => {
  const entries: Record<string, string> = JSON.parse(readFileSync(join(import.meta.dirname, "v1-queue.json"), "utf8"));
  const changes = Object.entries(entries).map(([key, value]): Change => ({ type: "put", key: bytesOf(key), value: bytesOf(value) }));
  const store = new MemoryStore();
  await store.commit(changes, { isSync: true });
  const queue = await BatchQueue.open(store, { random: { hex: () => "" } });
  expect(queue.storeId).toBe("5a".repeat(16));
  expect(queue.marks().backfill).toEqual({ oldest: 1, sent: 2, next: 7, acked: 1, epochs: [{ epoch: 1, from: 1 }, { epoch: 3, from: 3 }] });
  expect(queue.lane("backfill")).toMatchObject({ acked: 1, queuedBatches: 4, queuedReadings: 13 });
  const batches = (await queue.read("backfill", 1, 6)).map(({ bytes }) => openBatch(bytes));
  expect(batches.map((opened) => opened.ok && [opened.batch.sequence, opened.batch.epoch, opened.batch.kind])).toEqual([
    [1, 1, "panes"],
    [2, 1, "panes"],
    [3, 3, "skipped"],
    [5, 3, "panes"],
    [6, 3, "panes"],
  ]);
  const skipped = batches[2].ok ? decodeSkippedBatch(batches[2].batch.body) : undefined;
  expect(skipped).toEqual({ ok: true, message: { from: 3, to: 4, readings: 7, reason: "evicted" } });
  const minuteMs = 60_000;
  expect(queue.trim([], { nowMs: 7_200_000 + minuteMs, retainAckedMs: 0, bytesMax: 1e9 }).batches).toBe(1);
});

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
