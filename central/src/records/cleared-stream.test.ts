// What is kept for good of a stream whose ids are cleared: that none of its records counts a second time.
import { MemoryStore } from "@millrace/queue";
import { expect, test } from "vitest";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { clearedStream } from "./cleared-stream.ts";
import { RecordStage } from "./record-stage.ts";
import type { StreamRecord } from "./record-stage.ts";
import { AMOUNT, AMOUNT_1M, bytesOf, KAFKA_ORDERS } from "./staged-records.test-support.ts";
import { STREAMS } from "./stored-streams.ts";

const START_MS = 1_700_000_000_000;
const MOMENT = { nowMs: START_MS + 86_400_000, monotonicMs: 0, finalToMs: -Infinity };

function newStage(): RecordStage {
  return new RecordStage(KAFKA_ORDERS, { metrics: [AMOUNT], windows: [AMOUNT_1M] });
}

/** One record of a partition, so long after the start. */
function take(stage: RecordStage, partition: number, afterMs: number) {
  const value = { id: `o-${afterMs}`, t: START_MS + afterMs, amount: 1, region: "n" };
  const batch = {
    stream: "orders",
    partition,
    offsets: null,
    values: [bytesOf(value)],
    nextOffset: null,
    isAtEnd: false,
  };
  return stage.take(batch, MOMENT);
}

test("a stream whose ids were cleared sets aside all up to the latest that it had, of whichever partition", async () => {
  const before = newStage();
  before.expect([0, 1], 0);
  take(before, 0, 0);
  take(before, 1, 300_000);
  const record = before.takeChanges(0)?.record;
  expect(record?.ids?.watermarkMs).toBeLessThan(START_MS);
  const store = new MemoryStore();
  const key = CENTRAL_KEYS.records("orders");
  if (record !== undefined) await store.commit([STREAMS.put(key, record)], { isSync: true });
  await store.commit(await clearedStream(store, "orders"), { isSync: true });
  const stored: StreamRecord | null = STREAMS.read((await store.get(key)) ?? new Uint8Array(0));
  const after = newStage();
  if (stored !== null) await after.restore(stored, noIds(), 0);
  // What had come comes again: of the partition that was ahead too.
  for (const [partition, afterMs] of [
    [0, 0],
    [1, 300_000],
  ])
    expect(take(after, partition, afterMs)).toMatchObject({ taken: 0, setAside: 1 });
  expect(take(after, 1, 400_000)).toMatchObject({ taken: 1 });
});

async function* noIds(): AsyncGenerator<never> {}
