// What all streams of records change goes into one commit, however much it is.
import { MemoryStore } from "@millrace/queue";
import { expect, test, vi } from "vitest";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { RecordStreams } from "./record-streams.ts";
import { AMOUNT, bytesOf, ORDERS } from "./staged-records.test-support.ts";

function open(store: MemoryStore): Promise<RecordStreams> {
  const pipeline = { metrics: [AMOUNT], windows: [] };
  return RecordStreams.open({ store, streams: [ORDERS], pipeline, monotonicMs: 0 });
}

test("a stream has more changes than a call takes arguments, and they are one commit's", async () => {
  const streams = await open(new MemoryStore({}));
  const stage = streams.get("orders")!;
  stage.take(
    { partition: 0, values: [bytesOf({})], offsets: null, nextOffset: null, isAtEnd: true },
    { nowMs: 0, monotonicMs: 0, finalToMs: -Infinity },
  );
  const changed = stage.takeChanges(0)!;
  const rows = Array.from({ length: 150_000 }, () => ({ type: "del", key: bytesOf("row") }) as const);
  vi.spyOn(stage, "takeChanges").mockReturnValue({ ...changed, ids: rows });
  expect(streams.takeChanges(0)).toHaveLength(rows.length + 1);
});

test("partitions that are added, several at once, owe the same time, and a restart knows where all of them were", async () => {
  const store = new MemoryStore({});
  const before = await open(store);
  const stage = before.get("orders")!;
  stage.take(
    {
      partition: 0,
      values: [bytesOf({ id: "o-1", t: 90_000, region: "a", amount: 1 })],
      offsets: [41],
      nextOffset: 42,
      isAtEnd: true,
    },
    { nowMs: 90_000, monotonicMs: 0, finalToMs: -Infinity },
  );
  for (const partition of [1, 2]) stage.atEnd(partition, true, 0);
  await store.commit(before.takeChanges(0), { isSync: true });

  const after = await open(store);
  expect(after.unreadableCount).toBe(0);
  expect(after.get("orders")!.clock.export()).toEqual([
    expect.objectContaining({ partition: 0, next: 42 }),
    expect.objectContaining({ partition: 1, next: 0, joinedMs: 90_000 }),
    expect.objectContaining({ partition: 2, next: 0, joinedMs: 90_000 }),
  ]);
});

test("where a version before did not write since when a partition belongs, its position counts all the same", async () => {
  const store = new MemoryStore({});
  const before = await open(store);
  before.get("orders")!.atEnd(0, true, 0);
  const [change] = before.takeChanges(0);
  if (change?.type !== "put") throw new Error("nothing to store");
  const text = new TextDecoder().decode(change.value);
  const value = bytesOf(text.replace(/"joinedMs":-?\d+/, '"joinedMs":null').replace('"next":0', '"next":42'));
  await store.commit([{ type: "put", key: CENTRAL_KEYS.records("orders"), value }], { isSync: true });

  const after = await open(store);
  expect(after.unreadableCount).toBe(0);
  expect(after.get("orders")!.clock.export()).toMatchObject([{ next: 42, joinedMs: -8.64e15 }]);
});
