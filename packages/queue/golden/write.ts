// Writes the golden store if it does not exist: `node packages/queue/golden/write.ts`. An existing one is never touched.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BatchQueue } from "../src/batch-queue.ts";
import { MemoryStore } from "../src/memory-store.ts";
import type { Change } from "../src/store.ts";

const path = join(import.meta.dirname, "v1-queue.json");
if (!existsSync(path)) {
  const store = new MemoryStore();
  const queue = await BatchQueue.open(store, { random: { hex: (count) => "5a".repeat(count) } });
  const changes: Change[] = [];
  queue.assignEpoch(changes, 1);
  for (let at = 1; at <= 6; at += 1) {
    const body = new Uint8Array(150).fill(at);
    const times = { startMs: at * 1000, endMs: at * 1000 + 1000, sealedAtMs: at * 1000 };
    queue.append(changes, { lane: "backfill", kind: "panes", body, isCompressed: false, bodyBytesRaw: 150, readingCount: at, ...times });
  }
  queue.markSent(changes, "backfill", 2);
  queue.ack(changes, "backfill", 1, 7_200_000);
  queue.assignEpoch(changes, 3);
  queue.evictOldest(changes, "backfill", 1, 9000);
  await store.commit(changes, { isSync: true });
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  const entries: Record<string, string> = {};
  for await (const { key, value } of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(0x30) })) entries[hex(key)] = hex(value);
  writeFileSync(path, `${JSON.stringify(entries, null, 1)}\n`);
}
