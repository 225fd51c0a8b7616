// What is read of the log waits in bounds, leaves in order, and each commit gets the place behind what it takes.
import { expect, test } from "vitest";
import { openEnvelope } from "./opened-message.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { ReadItem } from "./read-ahead.ts";

const ENVELOPE = openEnvelope("batch", new Uint8Array());

function item(next: number, bytes = 10): ReadItem {
  const payload = new Uint8Array(bytes);
  const from = { agent: "a-1", site: "a", connection: null, writer: "agent", isOld: false } as const;
  return { next, content: { ...from, topic: "batch", payload, envelope: ENVELOPE, atMs: next } };
}

test("a batch that is taken in parts leaves the place behind its last part taken; offsets may be missing", () => {
  const read = new ReadAhead();
  read.add({ partition: 0, next: 9, gap: null, items: [item(3), item(4), item(7)] });
  read.add({ partition: 1, next: 2, gap: null, items: [] });
  const first = read.take({ messages: 2, bytes: 1e6 });
  expect([first.entries.length, first.positions]).toEqual([2, [{ partition: 0, next: 4 }]]);
  expect([read.position(0)?.next, read.takenToMs(0)]).toEqual([4, 3]);
  const second = read.take({ messages: 2, bytes: 1e6 });
  expect(second.positions).toEqual([
    { partition: 0, next: 9 },
    { partition: 1, next: 2 },
  ]);
  expect([read.isEmpty, read.takenToMs(0), read.takenToMs(1)]).toEqual([true, 4, -Infinity]);
});

test("a gap is told once, with what follows it; what is too large for a commit goes alone", () => {
  const read = new ReadAhead();
  const gap = { partition: 0, from: 1, next: 5, untilMs: 3 };
  read.add({ partition: 0, next: 7, gap, items: [item(6, 500), item(7, 500)] });
  const turns = [read.take({ messages: 9, bytes: 100 }), read.take({ messages: 9, bytes: 100 })];
  expect(turns.map(({ entries, gaps }) => [entries.length, gaps])).toEqual([
    [1, [gap]],
    [1, []],
  ]);
});

test("whoever reads on waits while too much waits for a commit", async () => {
  const read = new ReadAhead();
  read.add({ partition: 0, next: 1, gap: null, items: [item(1, 17 * 1024 * 1024)] });
  let hasRoom = false;
  const room = read.room().then(() => (hasRoom = true));
  await Promise.resolve();
  expect(hasRoom).toBe(false);
  read.take({ messages: 1, bytes: 1 });
  await room;
  expect(hasRoom).toBe(true);
});

test("in order, the earliest of all partitions comes first, once something of each awaited one is there", () => {
  const read = new ReadAhead();
  const take = () => read.take({ messages: 9, bytes: 1e6 }).entries.map(({ atMs }) => atMs);
  read.order(new Set([0, 1]));
  read.add({ partition: 0, next: 8, gap: null, items: [item(2), item(5), item(8)] });
  expect([read.isEmpty, take()]).toEqual([true, []]);
  read.add({ partition: 1, next: 5, gap: null, items: [item(1), item(4)] });
  // After 4 there may be more of partition 1 that comes before 5.
  expect([read.isEmpty, take()]).toEqual([false, [1, 2, 4]]);
  expect([read.position(0)?.next, read.position(1)?.next]).toEqual([2, 5]);
  read.order(new Set([0]));
  expect(take()).toEqual([5, 8]);
  expect([read.position(0)?.next, read.isEmpty]).toEqual([8, true]);
});

/** As an agent wrote it itself. */
function batch(next: number, sequence: number, atMs: number): ReadItem {
  const { content } = item(next);
  if (!("envelope" in content)) throw new Error("it is strange");
  const holds = { readingCount: 0, startMs: 0, endMs: 0, body: new Uint8Array(), bodyBytesRaw: 0 };
  const from = { storeId: "s", epoch: 1, lane: "live", sequence, sealedAtMs: 0 } as const;
  const batch = { ...from, ...holds, wireVersion: 1, kind: "panes", isCompressed: false } as const;
  const envelope = { kind: "batch", batch } as const;
  return { next, content: { ...content, envelope, atMs } };
}

test("in order, a partition is as early as the earliest that waits of it, and a clock that is ahead holds nothing back", () => {
  const read = new ReadAhead();
  const take = () => read.take({ messages: 9, bytes: 1e6 }).entries.map(({ atMs }) => atMs);
  read.order(new Set([0, 1]));
  read.add({ partition: 0, next: 2, gap: null, items: [batch(1, 1, 900), batch(2, 2, 3)] });
  read.add({ partition: 1, next: 1, gap: null, items: [item(5)] });
  expect(take()).toEqual([900, 3]);
  read.add({ partition: 0, next: 3, gap: null, items: [batch(3, 3, 700)] });
  read.add({ partition: 0, next: 4, gap: null, items: [batch(4, 4, 4)] });
  expect(take()).toEqual([700, 4]);
});

test("in order, a writer's later batches wait for those that are missing; what is missing everywhere is gone", () => {
  const read = new ReadAhead();
  const take = () => read.take({ messages: 9, bytes: 1e6 }).entries.map(({ atMs }) => atMs);
  read.order(new Set([0, 1]));
  read.add({ partition: 0, next: 2, gap: null, items: [batch(1, 1, 1), item(900)] });
  read.add({ partition: 1, next: 2, gap: null, items: [batch(1, 3, 300), batch(2, 4, 400)] });
  expect(take()).toEqual([1, 900]);
  read.add({ partition: 0, next: 3, gap: null, items: [batch(3, 2, 200), item(950)] });
  read.add({ partition: 1, next: 3, gap: null, items: [batch(3, 9, 500)] });
  expect(take()).toEqual([200, 300, 400, 950]);
  read.order(new Set([1]));
  expect(take()).toEqual([500]);
});

test("a clock that is ahead, or behind, does not tell how far a partition has been taken", () => {
  const read = new ReadAhead();
  const items = Array.from({ length: 60 }, (_, at) => batch(at + 1, at + 1, 1_000 + at));
  const odd = [
    batch(61, 61, 9e9),
    ...Array.from({ length: 9 }, (_, at) => batch(62 + at, 62 + at, at % 2 ? 0 : 9e9)),
  ];
  read.add({ partition: 0, next: 70, gap: null, items: [...items, ...odd] });
  read.take({ messages: 99, bytes: 1e6 });
  expect(read.takenToMs(0)).toBeGreaterThan(1_030);
  expect(read.takenToMs(0)).toBeLessThan(1_060);
});
