// What all streams of records change goes into one commit, however much it is.
import { MemoryStore } from "@millrace/queue";
import { expect, test, vi } from "vitest";
import { RecordStreams } from "./record-streams.ts";
import { AMOUNT, bytesOf, ORDERS } from "./staged-records.test-support.ts";

test("a stream has more changes than a call takes arguments, and they are one commit's", async () => {
  const streams = await RecordStreams.open({
    store: new MemoryStore({}),
    streams: [ORDERS],
    pipeline: { metrics: [AMOUNT], windows: [] },
    monotonicMs: 0,
  });
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
