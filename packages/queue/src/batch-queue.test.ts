// The outbox keeps its batches through crashes, evictions, damage and new epochs, and always tells what it lost.
import { LANES, type Lane } from "@millrace/stream";
import { decodeSkippedBatch, openBatch, RUNS_MAX } from "@millrace/wire";
import { describe, expect, test } from "vitest";
import { type AppendFields, BatchQueue, TRIM_BATCHES_MAX, type VerifyRow } from "./batch-queue.ts";
import { MemoryStore } from "./memory-store.ts";
import type { Change } from "./store.ts";
import { IDENTITY_KEY, laneKey, numberedKey } from "./store-layout.ts";
import type { QueuedBatch } from "./stored-batches.ts";

const random = { hex: (count: number) => "ab".repeat(count) };
const HOUR = 3_600_000;

function panes(at: number, fields: Partial<AppendFields> = {}): AppendFields {
  return {
    lane: "backfill",
    kind: "panes",
    body: new Uint8Array(100).fill(at),
    isCompressed: false,
    bodyBytesRaw: 100,
    readingCount: 10,
    startMs: at * 1000,
    endMs: at * 1000 + 1000,
    sealedAtMs: at * 1000,
    ...fields,
  };
}

async function commit<Result>(store: MemoryStore, mutate: (changes: Change[]) => Result): Promise<Result> {
  const changes: Change[] = [];
  const result = mutate(changes);
  await store.commit(changes, { isSync: true });
  return result;
}

async function filled(
  count: number,
): Promise<{ store: MemoryStore; queue: BatchQueue; batches: QueuedBatch[] }> {
  const store = new MemoryStore();
  const queue = await BatchQueue.open(store, { random });
  const batches = await commit(store, (changes) =>
    Array.from({ length: count }, (_, index) => queue.append(changes, panes(index + 1))),
  );
  return { store, queue, batches };
}

function opened(batch: QueuedBatch) {
  const result = openBatch(batch.bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.batch;
}

function skippedOf(batch: QueuedBatch) {
  const result = decodeSkippedBatch(opened(batch).body);
  if (!result.ok) throw new Error(result.detail);
  return result.message;
}

async function rows(queue: BatchQueue): Promise<VerifyRow[]> {
  const found: VerifyRow[] = [];
  for await (const row of queue.verify()) found.push(row);
  return found;
}

test("a new store gets a name for ever; batches come back as they were sealed", async () => {
  const { store, queue, batches } = await filled(3);
  expect(queue.storeId).toBe("ab".repeat(16));
  expect(batches.map((batch) => batch.sequence)).toEqual([1, 2, 3]);
  expect(opened(batches[0])).toMatchObject({
    sequence: 1,
    epoch: 0,
    lane: "backfill",
    storeId: queue.storeId,
    readingCount: 10,
  });
  const next = store.crash();
  const again = await BatchQueue.open(next, { random: { hex: () => "00".repeat(16) } });
  expect(again.storeId).toBe(queue.storeId);
  expect(await again.read("backfill", 1, 10)).toEqual(batches);
  expect(again.lane("backfill")).toEqual(queue.lane("backfill"));
  expect(again.marks()).toEqual(queue.marks());
  expect(again.lane("live")).toMatchObject({ oldest: 1, acked: 0, sent: 0, next: 1, queuedBatches: 0 });
});

test("acknowledged batches are kept, found again by a restored central, and trimmed in time", async () => {
  const { store, queue } = await filled(4);
  await commit(store, (changes) => queue.markSent(changes, "backfill", 4));
  expect(await commit(store, (changes) => queue.ack(changes, "backfill", 3, 5 * HOUR))).toMatchObject({
    batches: 3,
    readings: 30,
  });
  expect(queue.lane("backfill")).toMatchObject({ oldest: 1, acked: 3, queuedBatches: 1, queuedReadings: 10 });
  expect(queue.pendingRanges("backfill")).toEqual([{ startMs: 4000, endMs: 5000 }]);
  expect(queue.ack([], "backfill", 2, 0)).toEqual({ batches: 0, bytes: 0, readings: 0 });

  const options = { retainAckedMs: HOUR, bytesMax: 1e9 };
  expect(queue.trim([], { ...options, nowMs: 6 * HOUR - 1 }).batches).toBe(0);
  expect(await commit(store, (changes) => queue.rewind(changes, "backfill", 1))).toMatchObject({
    batches: 2,
    readings: 20,
  });
  expect(queue.lane("backfill")).toMatchObject({ acked: 1, queuedBatches: 3, queuedReadings: 30 });
  expect(queue.pendingRanges("backfill")).toEqual([{ startMs: 2000, endMs: 5000 }]);

  await commit(store, (changes) => queue.ack(changes, "backfill", 4, 8 * HOUR));
  const reopened = await BatchQueue.open(store.restart(), { random });
  expect(reopened.trim([], { ...options, nowMs: 9 * HOUR }).batches).toBe(0);
  expect(reopened.trim([], { ...options, nowMs: 9 * HOUR + 60_000 })).toMatchObject({
    batches: 4,
    readings: 40,
    hasMore: false,
  });
  expect(reopened.lane("backfill")).toMatchObject({ oldest: 5, next: 5, retainedBytes: 0 });
  expect(reopened.marks().backfill).toEqual({ oldest: 5, sent: 4, next: 5, acked: 4, epochs: [] });
});

test("room is made of acknowledged batches before their time, in bounded steps", async () => {
  const { store, queue } = await filled(TRIM_BATCHES_MAX + 5);
  await commit(store, (changes) => queue.ack(changes, "backfill", TRIM_BATCHES_MAX + 4, 0));
  const options = { nowMs: 0, retainAckedMs: HOUR, bytesMax: 0 };
  expect(await commit(store, (changes) => queue.trim(changes, options))).toMatchObject({
    batches: TRIM_BATCHES_MAX,
    hasMore: true,
  });
  expect(await commit(store, (changes) => queue.trim(changes, options))).toMatchObject({
    batches: 4,
    hasMore: false,
  });
  expect(queue.lane("backfill")).toMatchObject({
    oldest: TRIM_BATCHES_MAX + 5,
    queuedBatches: 1,
    retainedBytes: 0,
  });
  await queue.compact();
});

test("evicted batches leave one skipped batch in their place; later ones widen it until it is sent", async () => {
  const { store, queue } = await filled(9);
  await commit(store, (changes) => queue.markSent(changes, "backfill", 2));
  const first = await commit(store, (changes) => queue.evictOldest(changes, "backfill", 1, 99));
  expect(first).toMatchObject({ from: 3, to: 4, batches: 2, readings: 20 });
  expect((await queue.read("backfill", 1, 9)).map(({ sequence }) => sequence)).toEqual([
    1, 2, 3, 5, 6, 7, 8, 9,
  ]);
  const second = await commit(store, (changes) => queue.evictOldest(changes, "backfill", 1, 99));
  expect(second).toMatchObject({ from: 3, to: 6, batches: 2, readings: 20 });
  const [skipped] = await queue.read("backfill", 3, 1);
  expect(opened(skipped)).toMatchObject({
    kind: "skipped",
    sequence: 3,
    readingCount: 40,
    startMs: 3000,
    endMs: 7000,
  });
  expect(skippedOf(skipped)).toEqual({ from: 3, to: 6, readings: 40, reason: "evicted" });
  expect(queue.pendingRanges("backfill")).toEqual([{ startMs: 1000, endMs: 10_000 }]);
  expect(queue.lane("backfill")).toMatchObject({ queuedBatches: 6, queuedReadings: 50 });

  await commit(store, (changes) => queue.markSent(changes, "backfill", 4));
  const reopened = await BatchQueue.open(store.restart(), { random });
  expect(reopened.lane("backfill")).toEqual(queue.lane("backfill"));
  expect(reopened.evictOldest([], "backfill", 1, 99)).toMatchObject({ from: 7, to: 8, readings: 20 });
  expect(reopened.ack([], "backfill", 6, 0)).toMatchObject({ readings: 20, batches: 3 });
  expect(reopened.evictOldest([], "backfill", 1e9, 99)).toMatchObject({ from: 7, to: 9, readings: 10 });
  expect(reopened.evictOldest([], "backfill", 1e9, 99)).toMatchObject({ batches: 0, readings: 0 });
});

test("event time that was given up is pending until central knows of it, over restarts too", async () => {
  const { store, queue } = await filled(5);
  await commit(store, (changes) => queue.evictOldest(changes, "backfill", 1, 99));
  store.damage(numberedKey("batch", "backfill", 4), () => undefined);
  const restarted = store.restart();
  const reopened = await BatchQueue.open(restarted, { random });
  await reopened.read("backfill", 1, 9);
  await commit(restarted, (changes) => reopened.takeDamaged(changes));
  const again = await BatchQueue.open(restarted.restart(), { random });
  for (const each of [reopened, again]) {
    expect(each.pendingRanges("backfill")).toEqual([{ startMs: 1000, endMs: 6000 }]);
    each.ack([], "backfill", 3, 0);
    expect(each.pendingRanges("backfill")).toEqual([{ startMs: 4000, endMs: 6000 }]);
    each.ack([], "backfill", 4, 0);
    expect(each.pendingRanges("backfill")).toEqual([{ startMs: 5000, endMs: 6000 }]);
  }
});

test("a loss outside the queue is told by a skipped batch of its own, pending like any other", async () => {
  const { store, queue } = await filled(1);
  expect(queue.pendingRanges("backfill")).toEqual([{ startMs: 1000, endMs: 2000 }]);
  const lost = { readings: 7, startMs: 4000, endMs: 6000, reason: "damaged", nowMs: 99 } as const;
  await commit(store, (changes) => queue.appendSkipped(changes, "backfill", lost));
  const [, skipped] = await queue.read("backfill", 1, 9);
  expect(opened(skipped)).toMatchObject({ kind: "skipped", readingCount: 7, startMs: 4000, endMs: 6000 });
  expect(skippedOf(skipped)).toEqual({ from: 2, to: 2, readings: 7, reason: "damaged" });
  expect(queue.pendingRanges("backfill")).toEqual([
    { startMs: 1000, endMs: 2000 },
    { startMs: 4000, endMs: 6000 },
  ]);
  expect(queue.lane("backfill")).toMatchObject({ queuedBatches: 2, queuedReadings: 10 });
  // Given up with what lies around it, it goes on in the batch that stands for both, and is lost only once.
  queue.append([], panes(7));
  expect(queue.evictOldest([], "backfill", 1e9, 99)).toMatchObject({ batches: 2, readings: 20 });
  expect(queue.pendingRanges("backfill")).toEqual([{ startMs: 1000, endMs: 8000 }]);
});

test("a new epoch takes what is above the sent mark, whenever it is read", async () => {
  const { store, queue } = await filled(4);
  await commit(store, (changes) => queue.assignEpoch(changes, 1));
  await commit(store, (changes) => {
    queue.markSent(changes, "backfill", 2);
    queue.append(changes, panes(5));
  });
  await commit(store, (changes) => queue.assignEpoch(changes, 7));
  for (const isReopened of [false, true]) {
    const each = isReopened ? await BatchQueue.open(store.restart(), { random }) : queue;
    expect(each.epoch).toBe(7);
    const batches = await each.read("backfill", 1, 9);
    expect(batches.map((batch) => opened(batch).epoch)).toEqual([1, 1, 7, 7, 7]);
    expect(each.marks().backfill.epochs).toEqual([
      { epoch: 1, from: 1 },
      { epoch: 7, from: 3 },
    ]);
    expect(each.marks().live.epochs).toEqual([]);
  }
});

test("every start is remembered with where it began; an epoch begins no earlier than told", async () => {
  const { store, queue } = await filled(2);
  const first = { alarm: 1, live: 1, backfill: 3, evidence: 1 };
  await commit(store, (changes) => {
    queue.begin(changes, "one");
    queue.append(changes, panes(3));
  });
  const restarted = store.restart();
  const copy = await BatchQueue.open(restarted, { random });
  await commit(restarted, (changes) => copy.begin(changes, "two"));
  const second = { ...first, backfill: 4 };
  expect(copy.runs).toEqual([
    { run: "one", from: first },
    { run: "two", from: second },
  ]);
  // Never welcomed: what is shared was sent by the original, under the first epoch that the store was given.
  await commit(restarted, (changes) => {
    copy.assignEpoch(changes, 2, first);
    copy.append(changes, panes(4));
  });
  const reopened = await BatchQueue.open(restarted.restart(), { random });
  const epochs = (await reopened.read("backfill", 1, 9)).map((batch) => opened(batch).epoch);
  expect(epochs).toEqual([1, 1, 2, 2]);
  expect(reopened.runs).toEqual(copy.runs);
});

test("the oldest of very many starts is forgotten first", async () => {
  const { store, queue } = await filled(1);
  await commit(store, (changes) => {
    for (let run = 1; run <= RUNS_MAX + 1; run += 1) queue.begin(changes, String(run));
  });
  expect([queue.runs.length, queue.runs[0].run]).toEqual([RUNS_MAX, "2"]);
});

test("a damaged or absent batch is sent as skipped, counted once, over restarts too", async () => {
  const { store, queue } = await filled(4);
  store.damage(numberedKey("batch", "backfill", 2), (value) => value.fill(0, 90, 95));
  store.damage(numberedKey("batch", "backfill", 3), () => undefined);
  const reopened = await BatchQueue.open(store.restart(), { random });
  expect((await rows(reopened)).filter((row) => row.type === "damaged")).toEqual([
    { type: "damaged", lane: "backfill", sequence: 2, reason: "bad_checksum" },
    { type: "damaged", lane: "backfill", sequence: 3, reason: "absent" },
  ]);
  const batches = await reopened.read("backfill", 1, 9);
  expect(batches.map((batch) => opened(batch).kind)).toEqual(["panes", "skipped", "skipped", "panes"]);
  expect(skippedOf(batches[1])).toEqual({ from: 2, to: 2, readings: 10, reason: "damaged" });
  expect(await reopened.read("backfill", 1, 9)).toEqual(batches);
  const changes: Change[] = [];
  expect(reopened.takeDamaged(changes)).toMatchObject({ batches: 2, readings: 20 });
  expect(reopened.takeDamaged(changes)).toMatchObject({ batches: 0, readings: 0 });
  expect(reopened.lane("backfill").queuedReadings).toBe(20);
  expect(queue.storeId).toBe(reopened.storeId);
});

test("what is not committed yet is not read", async () => {
  const { queue } = await filled(1);
  queue.append([], panes(2));
  expect((await queue.read("backfill", 1, 9)).map(({ sequence }) => sequence)).toEqual([1]);
});

test.each([
  ["sealed before the first contact", 1, 1],
  ["sealed under the first epoch, then another one", 2, 1],
])(
  "a lane whose record alone is lost is sent under the epoch of its batches: %s",
  async (_, epoch, expected) => {
    const { store, queue } = await filled(2);
    await commit(store, (changes) => {
      queue.assignEpoch(changes, 1);
      queue.append(changes, panes(3));
      queue.markSent(changes, "backfill", 3);
    });
    if (epoch > 1)
      await commit(store, (changes) => {
        queue.assignEpoch(changes, epoch, { alarm: 1, live: 1, backfill: 4, evidence: 1 });
        queue.append(changes, panes(4));
      });
    store.damage(laneKey("backfill"), () => undefined);
    const again = await BatchQueue.open(store.restart(), { random });
    const epochs = (await again.read("backfill", 1, 9)).map((batch) => opened(batch).epoch);
    expect(epochs).toEqual([expected, expected, expected, ...(epoch > 1 ? [epoch] : [])]);
  },
);

test("where the outbox's name is lost too, batches of no epoch get the first one that central gives", async () => {
  const { store } = await filled(2);
  for (const key of [laneKey("backfill"), IDENTITY_KEY]) store.damage(key, () => undefined);
  const restarted = store.restart();
  const again = await BatchQueue.open(restarted, { random });
  await commit(restarted, (changes) => again.assignEpoch(changes, 1));
  expect((await again.read("backfill", 1, 9)).map((batch) => opened(batch).epoch)).toEqual([1, 1]);
});

test("records lost in a repair are made again from the batches", async () => {
  const { store, queue } = await filled(3);
  await commit(store, (changes) => queue.assignEpoch(changes, 2));
  const before = { ...queue.lane("backfill"), sent: 3 };
  const content = [...store.snapshot().entries.keys()].map((text) =>
    Uint8Array.from(text, (each) => each.charCodeAt(0)),
  );
  for (const key of content.filter(([prefix]) => prefix === 0x01 || prefix === 0x02))
    store.damage(key, () => undefined);
  store.damage(numberedKey("summary", "backfill", 2), () => undefined);
  const again = await BatchQueue.open(store.restart(), { random: { hex: () => "00".repeat(16) } });
  expect(again.storeId).toBe(queue.storeId);
  expect(again.lane("backfill")).toEqual(before);
  expect((await again.read("backfill", 1, 9)).map((batch) => opened(batch).kind)).toEqual([
    "panes",
    "panes",
    "panes",
  ]);

  store.damage(numberedKey("batch", "backfill", 2), () => undefined);
  const gap = await BatchQueue.open(MemoryStore.restore(store.snapshot()), { random });
  expect(skippedOf((await gap.read("backfill", 2, 1))[0])).toMatchObject({
    from: 2,
    to: 2,
    reason: "damaged",
  });
});

test("behind a skipped batch only what it covers was given up; the rest of a gap is made again or told as damaged", async () => {
  const { store, queue } = await filled(6);
  await commit(store, (changes) => queue.evictOldest(changes, "backfill", 1, 99));
  for (const sequence of [3, 4])
    store.damage(numberedKey("summary", "backfill", sequence), () => new Uint8Array(0));
  store.damage(numberedKey("batch", "backfill", 4), () => undefined);
  const again = await BatchQueue.open(store.restart(), { random });
  const batches = await again.read("backfill", 1, 9);
  expect(batches.map((batch) => [batch.sequence, opened(batch).kind])).toEqual([
    [1, "skipped"],
    [3, "panes"],
    [4, "skipped"],
    [5, "panes"],
    [6, "panes"],
  ]);
  expect(skippedOf(batches[0])).toMatchObject({ from: 1, to: 2, reason: "evicted" });
  expect(skippedOf(batches[2])).toMatchObject({ from: 4, to: 4, reason: "damaged" });

  store.damage(numberedKey("batch", "backfill", 3), () => undefined);
  const lost = await BatchQueue.open(MemoryStore.restore(store.snapshot()), { random });
  const [, damaged] = await lost.read("backfill", 1, 9);
  expect(skippedOf(damaged)).toMatchObject({ from: 3, to: 4, reason: "damaged" });
});

test("of a gap that begins among the acknowledged, what was not acknowledged is told", async () => {
  const { store, queue } = await filled(6);
  await commit(store, (changes) => queue.ack(changes, "backfill", 3, 0));
  for (const sequence of [2, 3, 4, 5])
    for (const part of ["summary", "batch"] as const)
      store.damage(numberedKey(part, "backfill", sequence), () => undefined);
  const again = await BatchQueue.open(store.restart(), { random });
  const batches = await again.read("backfill", 4, 9);
  expect(skippedOf(batches[0])).toMatchObject({ from: 4, to: 5, reason: "damaged" });
  expect(batches.map(({ sequence }) => sequence)).toEqual([4, 6]);
  again.ack([], "backfill", 3, 0);
  expect(again.lane("backfill").acked).toBe(3);
});

test("a lane record that claims more batches than a disk holds is taken for damaged", async () => {
  const { store, queue } = await filled(2);
  store.damage(Uint8Array.of(0x02, 2), () =>
    new TextEncoder().encode(JSON.stringify({ oldest: 1, acked: 0, sent: 0, next: 2 ** 50, epochs: [] })),
  );
  const again = await BatchQueue.open(store.restart(), { random });
  expect(again.lane("backfill")).toMatchObject({ oldest: 1, next: 3, queuedReadings: 20 });
  expect(queue.lane("backfill").next).toBe(3);
});

describe("batches that were not sent are merged", () => {
  const BOUNDS = { bytesMax: 1e6, batchesMax: 100 };
  const merged = (readingCount: number, endMs: number) => {
    const { lane: _lane, kind: _kind, ...fields } = panes(1, { readingCount, endMs, sealedAtMs: 99 });
    return fields;
  };

  test("they take the first sequences, a skipped one that tells of no loss the others; over restarts too", async () => {
    const { store, queue } = await filled(6);
    await commit(store, (changes) => queue.markSent(changes, "backfill", 2));
    const run = queue.unsentRun("backfill", 0, BOUNDS);
    expect(run).toMatchObject({ from: 3, to: 6, sequences: [3, 4, 5, 6], readings: 40 });
    const isDone = await commit(store, (changes) =>
      queue.replaceRun(changes, "backfill", run!, [merged(30, 6_000), merged(10, 7_000)]),
    );
    expect(isDone).toBe(true);
    expect(queue.lane("backfill")).toMatchObject({ queuedBatches: 5, queuedReadings: 60, next: 7, sent: 2 });
    const again = await BatchQueue.open(MemoryStore.restore(store.snapshot()), { random });
    expect(again.lane("backfill")).toEqual(queue.lane("backfill"));
    const batches = await again.read("backfill", 3, 9);
    expect(batches.map((batch) => [batch.sequence, opened(batch).kind])).toEqual([
      [3, "panes"],
      [4, "panes"],
      [5, "skipped"],
    ]);
    expect(skippedOf(batches[2])).toEqual({ from: 5, to: 6, readings: 0, reason: "coarsened" });
    // Merged once more, with what has come since.
    await commit(store, (changes) => queue.append(changes, panes(7)));
    const next = queue.unsentRun("backfill", 0, BOUNDS);
    expect(next).toMatchObject({ from: 3, to: 7, sequences: [3, 4, 5, 7], readings: 50 });
    expect(queue.replaceRun([], "backfill", next!, [merged(50, 8_000)])).toBe(true);
    expect(queue.lane("backfill")).toMatchObject({ queuedBatches: 4, queuedReadings: 70 });
    expect(queue.coarsenedIn("backfill", 3, 7)).toEqual({ startMs: 1_000, endMs: 8_000 });
    expect(queue.coarsenedIn("backfill", 1, 2)).toBeUndefined();
  });

  test("not once one of them was sent, nor where readings would be lost, or nothing won", async () => {
    const { queue } = await filled(4);
    const run = queue.unsentRun("backfill", 0, BOUNDS)!;
    const before = queue.lane("backfill");
    const changes: Change[] = [];
    expect(queue.replaceRun(changes, "backfill", run, [merged(39, 5_000)])).toBe(false);
    const four = Array.from({ length: 4 }, () => merged(10, 5_000));
    expect(queue.replaceRun(changes, "backfill", run, four)).toBe(false);
    expect(queue.lane("backfill")).toEqual(before);
    queue.markSent([], "backfill", 1);
    expect(queue.replaceRun(changes, "backfill", run, [merged(40, 5_000)])).toBe(false);
    expect(changes).toEqual([]);
  });

  test("a run ends before what was lost or is of alarms, and is bounded", async () => {
    const { queue } = await filled(9);
    queue.evictOldest([], "backfill", 1, 99);
    queue.append([], panes(10, { kind: "alarms", readingCount: 0 }));
    queue.append([], panes(11));
    expect(queue.unsentRun("backfill", 0, BOUNDS)).toMatchObject({ from: 3, to: 9 });
    expect(queue.unsentRun("backfill", 0, { bytesMax: 400, batchesMax: 9 })).toMatchObject({
      from: 3,
      to: 4,
    });
    expect(queue.unsentRun("backfill", 0, { bytesMax: 1, batchesMax: 9 })).toMatchObject({ from: 3, to: 3 });
    expect(queue.unsentRun("backfill", 5, { bytesMax: 1e6, batchesMax: 2 })).toMatchObject({
      from: 5,
      to: 6,
    });
    expect(queue.unsentRun("backfill", 10, BOUNDS)).toMatchObject({ from: 11, to: 11 });
    expect(queue.unsentRun("backfill", 12, BOUNDS)).toBeUndefined();
  });
});

test("pending ranges stay few and cover everything queued", async () => {
  const store = new MemoryStore();
  const queue = await BatchQueue.open(store, { random });
  const append = (at: number) => queue.append([], panes(at));
  for (let at = 0; at < 50; at += 1) {
    append((at * 37) % 200);
    if (at % 10 === 0) queue.ack([], "backfill", at / 2, 0);
    const ranges = queue.pendingRanges("backfill");
    expect(ranges.length).toBeLessThanOrEqual(16);
    for (let queued = queue.lane("backfill").acked; queued <= at; queued += 1) {
      const startMs = ((queued * 37) % 200) * 1000;
      expect(ranges.some((range) => range.startMs <= startMs && startMs + 1000 <= range.endMs)).toBe(true);
    }
  }
});

test("a backlog of 100,000 batches answers quickly", async () => {
  const queue = await BatchQueue.open(new MemoryStore(), { random });
  for (let at = 1; at <= 100_000; at += 1) queue.append([], panes(at));
  expect(queue.lane("backfill")).toMatchObject({ queuedBatches: 100_000, queuedReadings: 1_000_000 });
  queue.ack([], "backfill", 1, 0);
  // Of this process alone: others may have the processor meanwhile.
  const before = process.cpuUsage();
  expect(queue.pendingRanges("backfill")).toEqual([{ startMs: 2000, endMs: 100_001_000 }]);
  expect(process.cpuUsage(before).user).toBeLessThan(500_000);
});

test("every storage operation failing, one at a time: retried or reopened, nothing acknowledged is lost", async () => {
  for (let failing = 1; ; failing += 1) {
    let store = new MemoryStore();
    store.failOperationNumber(failing);
    let queue = await openRetrying(store);
    const durable: QueuedBatch[] = [];
    for (let at = 1; at <= 6; at += 1) {
      const changes: Change[] = [];
      const batch = queue.append(changes, panes(at, { lane: laneOf(at) }));
      queue.markSent(changes, laneOf(at), batch.sequence);
      if (at === 4) queue.ack(changes, laneOf(1), 1, 0);
      if (at === 5) queue.evictOldest(changes, "backfill", 1, 0);
      await commitRetrying(store, changes);
      durable.push(batch);
    }
    const used = store.operationCount;
    store = store.crash();
    queue = await BatchQueue.open(store, { random });
    for (const lane of LANES) {
      const expected = durable.filter((_, index) => laneOf(index + 1) === lane);
      expect(await queue.read(lane, 1, 9)).toEqual(expected);
    }
    if (used < failing) break;
  }
});

function laneOf(at: number): Lane {
  return LANES[at % LANES.length];
}

async function openRetrying(store: MemoryStore): Promise<BatchQueue> {
  for (;;) {
    try {
      return await BatchQueue.open(store, { random });
    } catch {
      await store.reopen();
    }
  }
}

async function commitRetrying(store: MemoryStore, changes: readonly Change[]): Promise<void> {
  for (;;) {
    try {
      return await store.commit(changes, { isSync: true });
    } catch {
      await store.reopen().catch(() => undefined);
    }
  }
}
