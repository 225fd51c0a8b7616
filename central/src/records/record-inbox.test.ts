// Commits take records of any batches in order, each once, never more than their bound; who brought a batch is told of all of it.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RecordBatch, RecordOutcome } from "./record-batch.ts";
import { RecordInbox, STREAM_INBOX_BYTES_MAX } from "./record-inbox.ts";

const RECORDS_MAX = 50_000;
const BYTES_MAX = 8_388_608;
const SMALL = new Uint8Array(10);
const NOTHING = {
  taken: 0,
  duplicates: 0,
  setAside: 0,
  tooLate: 0,
  noEffect: 0,
  rejectedCount: 0,
  lost: 0,
  rejected: [],
  aside: [],
};

/** Every second offset, as where some were compacted away. */
function batchOf(from: number, lengths: readonly number[]): RecordBatch {
  return {
    partition: 0,
    values: lengths.map((length) => (length === SMALL.length ? SMALL : new Uint8Array(length))),
    offsets: lengths.map((_, at) => from + 2 * at),
    nextOffset: from + 2 * lengths.length,
    isAtEnd: true,
  };
}

test("a batch of many records, or of large ones, is cut into commits", async () => {
  const part = fc.constantFrom(
    Array.from({ length: 30_000 }, () => SMALL.length),
    Array.from({ length: 120_000 }, () => SMALL.length),
    [1_000_000, 3_000_000, 9_000_000, 5, 6_000_000, 6_000_000],
    [5],
    [],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
      const inbox = new RecordInbox(() => undefined);
      const outcomes: Promise<RecordOutcome>[] = [];
      const [seen, wanted]: [number[], number[]] = [[], []];
      const counts: number[] = [];
      let from = 0;
      for (const lengths of parts) {
        const outcome = inbox.offer("orders", batchOf(from, lengths));
        if (outcome === null) continue;
        outcomes.push(outcome);
        counts.push(lengths.length);
        for (let at = 0; at < lengths.length; at += 1) wanted.push(from + 2 * at);
        from += 2 * lengths.length;
      }
      while (!inbox.isEmpty) {
        const taken = inbox.take();
        expect(taken.length).toBeGreaterThan(0);
        let [records, bytes] = [0, 0];
        for (const { batch, resolve } of taken) {
          const { values, offsets, nextOffset } = batch;
          records += values.length;
          for (let at = 0; at < values.length; at += 1) {
            seen.push(offsets?.[at] ?? -1);
            bytes += values.at(at)?.length ?? 0;
          }
          expect(nextOffset).toBe((seen.at(-1) ?? -2) + 2);
          const first = { index: 0, reason: "malformed", detail: "" };
          resolve({ ...NOTHING, received: values.length, rejected: values.length === 0 ? [] : [first] });
        }
        expect(records).toBeLessThanOrEqual(RECORDS_MAX);
        if (records > 1) expect(bytes).toBeLessThanOrEqual(BYTES_MAX);
      }
      expect(seen).toEqual(wanted);
      expect(inbox.bytesOf("orders")).toBe(0);
      const told = await Promise.all(outcomes);
      expect(told.map(({ received }) => received)).toEqual(counts);
      for (const [at, { rejected }] of told.entries())
        for (const { index } of rejected) expect(index).toBeLessThan(counts[at]);
    }),
    { numRuns: 8 },
  );
});

test("a backlog of one stream does not hold up another: each has its share of a commit, and what one leaves the others have", () => {
  const inbox = new RecordInbox(() => undefined);
  const many = (count: number): number[] => Array.from({ length: count }, () => SMALL.length);
  const counts = (): Record<string, number> => {
    const taken: Record<string, number> = {};
    for (const { stream, batch } of inbox.take()) taken[stream] = (taken[stream] ?? 0) + batch.values.length;
    return taken;
  };
  for (let from = 0; from < 600_000; from += 120_000) void inbox.offer("orders", batchOf(from, many(60_000)));
  void inbox.offer("transfers", batchOf(0, many(7)));
  expect(counts()).toEqual({ orders: 25_000, transfers: 7 });
  expect(counts()).toEqual({ orders: 35_000 });
  for (let from = 0; from < 30_000; from += 10_000) void inbox.offer("transfers", batchOf(from, many(5_000)));
  expect(counts()).toEqual({ orders: 25_000, transfers: 15_000 });
  void inbox.offer("trucks", batchOf(0, [BYTES_MAX + 1]));
  void inbox.offer("transfers", batchOf(0, [5]));
  // A record that is larger than a commit should be; who has found no room comes first then.
  expect(counts()).toEqual({ orders: 16_667, trucks: 1 });
  expect(counts()).toMatchObject({ transfers: 1 });
  for (let turn = 0; !inbox.isEmpty; turn += 1) {
    expect(turn).toBeLessThan(10);
    expect(Object.keys(counts())).toEqual(["orders"]);
  }
  expect(["orders", "transfers", "trucks"].map((stream) => inbox.bytesOf(stream))).toEqual([0, 0, 0]);
});

test("who brought it is told once all of it is durable, with the places in the batch as it was", async () => {
  const inbox = new RecordInbox(() => undefined);
  let told: RecordOutcome | null = null;
  const lengths = Array.from({ length: 2 * RECORDS_MAX + 5 }, () => SMALL.length);
  void inbox.offer("orders", { ...batchOf(0, lengths), offsets: null, nextOffset: null })?.then((outcome) => {
    told = outcome;
  });
  const ends: boolean[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    expect(told).toBeNull();
    const [{ batch, resolve }] = inbox.take();
    ends.push(batch.isAtEnd);
    const rejected = [{ index: 2, reason: "malformed", detail: "" }];
    const aside = Array.from({ length: 60 }, (_, index) => ({ index, reason: "set_aside", detail: "" }));
    resolve({ ...NOTHING, received: batch.values.length, rejectedCount: 1, setAside: 60, rejected, aside });
    await Promise.resolve();
  }
  expect(ends).toEqual([false, false, true]);
  expect(told).toMatchObject({ received: lengths.length, rejectedCount: 3, setAside: 180 });
  expect(told!.rejected.map(({ index }) => index)).toEqual([2, 50_002, 100_002]);
  expect(told!.aside.map(({ index }) => index)).toEqual([
    ...Array.from({ length: 60 }, (_, index) => index),
    ...Array.from({ length: 40 }, (_, index) => 50_000 + index),
  ]);
});

test("what is cut makes room as it is taken, and fails as a whole", async () => {
  const inbox = new RecordInbox(() => undefined);
  const whole = inbox.offer(
    "orders",
    batchOf(
      0,
      Array.from({ length: 300_000 }, () => 100),
    ),
  );
  expect(inbox.bytesOf("orders")).toBeGreaterThan(STREAM_INBOX_BYTES_MAX);
  expect(inbox.offer("orders", batchOf(0, [1]))).toBeNull();
  for (let turn = 0; turn < 3; turn += 1) inbox.take();
  expect(inbox.bytesOf("orders")).toBeLessThan(STREAM_INBOX_BYTES_MAX);
  expect(inbox.offer("orders", batchOf(0, [1]))).not.toBeNull();
  inbox.fail("central stops");
  await expect(whole).rejects.toThrow("central stops");
});

test("where commits fail, who brought what the last one took is told as well as who waits", async () => {
  const inbox = new RecordInbox(() => undefined);
  const outcomes = [10_000, 60_000, 30_000, 20_000].map((count, at) => {
    const lengths = Array.from({ length: count }, () => SMALL.length);
    return Promise.resolve(inbox.offer("orders", batchOf(at * 120_000, lengths)));
  });
  for (const { resolve } of [...inbox.take(), ...inbox.take()]) resolve({ received: 0, ...NOTHING });
  // The rest of the second, the third, and none of the fourth.
  expect(inbox.take()).toHaveLength(2);
  inbox.fail("commits fail");
  const states = (await Promise.allSettled(outcomes)).map(({ status }) => status);
  expect(states).toEqual(["fulfilled", "rejected", "rejected", "rejected"]);
});
