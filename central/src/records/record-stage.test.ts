// Records in, panes out: whatever is split, repeated, mixed, wrong or interrupted between any two commits, what is in the panes
// is what a plain program makes of the list of records, and the ledger adds up.
import { labelsKey } from "@millrace/stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RecordTotals } from "./record-totals.ts";
import {
  AMOUNT,
  bytesOf,
  FAILED,
  KAFKA_ORDERS,
  ORDERS,
  StagedRecords,
} from "./staged-records.test-support.ts";

const NOW = 1_700_000_000_000;
/** As a pattern. */
const timed = (timeMs: number) => `${timeMs} \\(${new Date(timeMs).toISOString()}\\)`;
const order = (id: number | string, t = NOW, changes: Readonly<Record<string, unknown>> = {}) => ({
  id,
  t,
  amount: 2,
  region: "北京",
  ...changes,
});

function sumOf({ aggregated, duplicates, setAside, tooLate, rejected }: RecordTotals): number {
  const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  return aggregated + duplicates + setAside + tooLate + refused;
}

interface Order {
  readonly id: number;
  readonly t: number;
  readonly amount: number;
  readonly region: string;
  readonly payment?: string;
}

/** What a first program would do with the whole list. */
function plainPanes(orders: readonly Order[]): Map<string, number> {
  const panes = new Map<string, number>();
  const add = (metric: string, { region, t }: Order, field: string, value: number) => {
    const key = `${metric} ${labelsKey({ region })} ${Math.floor(t / 60_000) * 60_000} ${field}`;
    panes.set(key, (panes.get(key) ?? 0) + value);
  };
  for (const each of orders) {
    add("amount", each, "count", 1);
    add("amount", each, "sum", each.amount);
    if (each.payment !== undefined) add("failed", each, "count", 1);
  }
  return panes;
}

/** The same content wherever the id comes: what a producer that sends again does. */
function orderOf(id: number, spreadMs: number): Order {
  return {
    id,
    t: NOW - ((id * 7_919) % spreadMs),
    amount: id % 13,
    region: ["北京", "上海", "广州"][id % 3],
    ...(id % 4 === 0 ? {} : { payment: id % 5 === 0 ? "failed" : "paid" }),
  };
}

const JUNK = ["", "{", "[]", "null", '{"id":1}', JSON.stringify(order(1, NOW, { amount: "x" }))];

test("any split over partitions and batches, any repetition, any junk, a crash between any commits: the panes of the list", async () => {
  const step = fc.record({ partition: fc.nat(2), size: fc.integer({ min: 1, max: 9 }), fate: fc.nat(4) });
  const record = fc.oneof(
    { weight: 8, arbitrary: fc.nat(60) },
    { weight: 1, arbitrary: fc.nat(5).map((junk) => -1 - junk) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(record, { maxLength: 40 }), { minLength: 3, maxLength: 3 }),
      fc.array(step, { maxLength: 60 }),
      async (partitions, steps) => {
        const world = new StagedRecords(NOW);
        const values = partitions.map((ids) =>
          ids.map((id) => bytesOf(id < 0 ? JUNK[-1 - id] : orderOf(id, 500_000))),
        );
        world.stage.expect([0, 1, 2], 0);
        const read = (partition: number, size: number) => {
          const from = world.position(partition);
          const to = Math.min(from + size, values[partition].length);
          // From before the position now and then: what is redelivered below it is not looked at again.
          const first = Math.max(0, from - (size % 3));
          const offsets = Array.from({ length: to - first }, (_, index) => first + index);
          const batch = { partition, offsets, nextOffset: to, isAtEnd: to === values[partition].length };
          world.take({ ...batch, values: values[partition].slice(first, to) });
        };
        for (const { partition, size, fate } of steps) {
          read(partition, size);
          expect(world.stage.totals.received).toBe(sumOf(world.stage.totals));
          if (fate < 3) world.commit();
          if (fate === 3) await world.crash();
        }
        await world.crash();
        for (const partition of [0, 1, 2])
          while (world.position(partition) < values[partition].length) read(partition, 7);
        world.commit();
        const all = partitions.flat();
        const unique = [...new Set(all.filter((id) => id >= 0))];
        expect(world.kept.panes).toEqual(plainPanes(unique.map((id) => orderOf(id, 500_000))));
        const { totals } = world.stage;
        expect(totals).toMatchObject({
          received: all.length,
          aggregated: unique.length,
          duplicates: all.filter((id) => id >= 0).length - unique.length,
          altered: 0,
          setAside: 0,
        });
        expect(totals.received).toBe(sumOf(totals));
      },
    ),
    { numRuns: 150 },
  );
});

test("partitions that lie years apart, read in any order: nothing is set aside, with few ids too where those ahead wait", async () => {
  const config = { ...KAFKA_ORDERS, dedupeHorizonMs: 5_000 };
  const event = fc.record({
    stepMs: fc.constantFrom(1_000, 1_700, 60_000, 3_600_000, 30 * 86_400_000),
    partitions: fc.subarray([0, 1, 2], { minLength: 1 }),
  });
  const step = fc.record({ partition: fc.nat(2), size: fc.integer({ min: 1, max: 9 }), fate: fc.nat(9) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 120 }),
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom(10_000, 60),
      async (events, steps, dedupeIdsMax) => {
        const world = new StagedRecords(NOW, { ...config, dedupeIdsMax });
        const values: Uint8Array[][] = [[], [], []];
        const orders: Order[] = [];
        let t = NOW - 11 * 365 * 86_400_000;
        for (const [id, { stepMs, partitions }] of events.entries()) {
          t += stepMs;
          const each = { ...orderOf(id, 1), t };
          orders.push(each);
          for (const partition of partitions) values[partition].push(bytesOf(each));
        }
        world.stage.expect([0, 1, 2], 0);
        const read = (partition: number, size: number) => {
          const from = world.position(partition);
          const to = Math.min(from + size, values[partition].length);
          // One that has nothing is known to be at its end, and is idle.
          const isAtEnd = to === values[partition].length;
          if (isAtEnd) world.monotonicMs += config.idleTimeoutMs;
          if (dedupeIdsMax > 100 || !world.stage.isAhead(partition, world.monotonicMs))
            world.take({
              partition,
              offsets: Array.from({ length: to - from }, (_, at) => from + at),
              nextOffset: to,
              isAtEnd,
              values: values[partition].slice(from, to),
            });
        };
        for (const { partition, size, fate } of steps) {
          read(partition, size);
          if (fate < 7) world.commit();
          if (fate === 7) await world.crash();
          world.stage.expect([0, 1, 2], 0);
        }
        for (let round = 0; round < 300; round += 1) for (const partition of [0, 1, 2]) read(partition, 7);
        world.commit();
        expect(world.stage.totals).toMatchObject({ aggregated: orders.length, setAside: 0, altered: 0 });
        expect(world.kept.panes).toEqual(plainPanes(orders));
        expect(world.stage.idsDroppedCount).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});

test("one partition, any times: what is older than the horizon is set aside, wherever batches are cut and processes die", async () => {
  const call = fc.record({ id: fc.nat(80), cut: fc.boolean(), fate: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 120 }), async (calls) => {
      const world = new StagedRecords(NOW, { ...ORDERS, dedupeHorizonMs: 60_000 });
      const seen = new Set<number>();
      const taken: Order[] = [];
      let [latestMs, duplicates, setAside, at] = [-Infinity, 0, 0, 0];
      for (const { id } of calls) {
        const each = orderOf(id, 400_000);
        latestMs = Math.max(latestMs, each.t);
        if (each.t < latestMs - 5_000 - 60_000) setAside += 1;
        else if (seen.has(id)) duplicates += 1;
        else taken.push(each);
        if (each.t >= latestMs - 5_000 - 60_000) seen.add(id);
      }
      const values = calls.map(({ id }) => bytesOf(orderOf(id, 400_000)));
      while (at < calls.length) {
        let to = at + 1;
        while (to < calls.length && !calls[to].cut) to += 1;
        world.take({ values: values.slice(at, to) });
        const { fate } = calls[at];
        calls[at] = { ...calls[at], fate: 0 };
        if (fate === 1) await world.crash();
        else if (fate !== 2) world.commit();
        at = world.position(0);
      }
      await world.crash();
      world.take({ values: values.slice(world.position(0)) });
      world.commit();
      expect(world.stage.totals).toMatchObject({ aggregated: taken.length, duplicates, setAside });
      expect(world.kept.panes).toEqual(plainPanes(taken));
    }),
    { numRuns: 150 },
  );
});

test("the outcome of a batch says what became of each", () => {
  const world = new StagedRecords(NOW);
  const values = [
    order("a"),
    order("a"),
    order("a", NOW, { amount: 3 }),
    order("b", NOW - 700_000),
    order("c", NOW + 60_001),
    "no json",
    order("d", NOW, { region: "x".repeat(1_000) }),
  ].map(bytesOf);
  const outcome = world.take({ values: [...values, null] });
  expect(outcome).toMatchObject({
    received: 8,
    taken: 1,
    duplicates: 2,
    setAside: 1,
    tooLate: 0,
    rejectedCount: 4,
  });
  expect(outcome.rejected.map(({ index, reason }) => [index, reason])).toEqual([
    [4, "future"],
    [5, "malformed"],
    [6, "oversized"],
    [7, "empty"],
  ]);
  expect(outcome.rejected[0].detail).toMatch(
    new RegExp(`^its time ${timed(NOW + 60_001)} is 60001 ms ahead of the clock`),
  );
  expect(outcome.aside).toEqual([
    {
      index: 3,
      reason: "set_aside",
      detail: expect.stringMatching(
        // As a date too: local times that are posted for those of UTC are seen by it.
        new RegExp(`^its time ${timed(NOW - 700_000)} is before \\d+ \\(20.*Z\\), from where on ids`),
      ),
    },
  ]);
  expect(world.stage.totals).toMatchObject({ altered: 1 });
  world.commit();
  expect(world.refused.map(({ offset, reason }) => [offset, reason])).toEqual([
    [4, "future"],
    [5, "malformed"],
    [6, "oversized"],
    [7, "empty"],
    [3, "set_aside"],
  ]);
});

test.each([
  { used: [AMOUNT], of: "a stream with another one", panes: 2 },
  { used: [], of: "a stream with none that is", panes: 0 },
])("a metric that no window and no rule uses refuses no record of $of", ({ used, panes }) => {
  const draft = { ...FAILED, name: "draft", paneMs: null };
  const source = FAILED.source.kind === "records" ? FAILED.source : null;
  if (source === null) return expect.unreachable();
  const needed = { ...draft, source: { ...source, measure: { ...source.measure, isOptional: false } } };
  const world = new StagedRecords(NOW, ORDERS, [needed, ...used]);
  expect(world.take({ values: [bytesOf(order(1)), bytesOf(order(2, NOW, { payment: "?" }))] })).toMatchObject(
    {
      taken: 2,
      rejectedCount: 0,
    },
  );
  world.commit();
  expect(world.kept.panes.size).toBe(panes);
});

test("what is of final windows only is counted too late, and its id is known all the same", () => {
  const world = new StagedRecords(NOW);
  world.finalToMs = NOW;
  const outcome = world.take({ values: [order(1, NOW - 1), order(1, NOW - 1), order(2, NOW)].map(bytesOf) });
  expect(outcome).toMatchObject({ taken: 1, tooLate: 1, duplicates: 1 });
});

test("watermarks: behind the latest record, null before it; once idle with the time that passes", () => {
  const world = new StagedRecords(NOW);
  world.stage.expect([0, 1], 0);
  world.take({ values: [bytesOf(order(1, NOW - 3_600_000))], isAtEnd: false });
  const now = (monotonicMs: number) => world.stage.clock.watermarks(monotonicMs);
  expect(now(100_000)).toEqual([
    { partition: 0, watermarkMs: NOW - 3_605_000, isIdle: false },
    { partition: 1, watermarkMs: null, isIdle: false },
  ]);
  expect(world.stage.clock.timeMs(100_000)).toBe(-Infinity);
  world.monotonicMs = 100_000;
  world.take({ values: [], nextOffset: 1, offsets: [], isAtEnd: true });
  world.stage.atEnd(1, true, 100_000);
  expect(now(129_999).map(({ isIdle }) => isIdle)).toEqual([false, false]);
  // An hour old, and 130 s have passed since: as if its source's clock went on.
  expect(now(130_000)).toEqual([
    { partition: 0, watermarkMs: NOW - 3_605_000 + 130_000, isIdle: true },
    { partition: 1, watermarkMs: NOW - 3_605_000 + 130_000, isIdle: true },
  ]);
  expect(world.stage.clock.timeMs(130_000)).toBe(NOW - 3_600_000 + 130_000);
});

test("a partition that is read to its end and idle sets nothing aside when it goes on, while the others are within the horizon", () => {
  const world = new StagedRecords(NOW);
  world.take({ values: [bytesOf(order(1, NOW - 500_000))], partition: 0 });
  world.take({ values: [bytesOf(order(2, NOW))], partition: 1 });
  world.monotonicMs = 60_000;
  expect(world.take({ values: [bytesOf(order(3, NOW - 500_000))], partition: 0 })).toMatchObject({
    taken: 1,
  });
});

test("a slow partition's old records are judged while it is read, however far the others are, and they wait once ids are many", () => {
  const world = new StagedRecords(NOW, { ...ORDERS, dedupeIdsMax: 1_000 });
  world.stage.expect([0, 1], 0);
  const hours = (...from: readonly number[]) =>
    Array.from({ length: 240 }, (_, hour) =>
      from.map((first) => bytesOf(order(first + hour, NOW - (240 - hour) * 3_600_000))),
    ).flat();
  expect(world.take({ values: hours(0), isAtEnd: false })).toMatchObject({ taken: 240 });
  expect(world.stage.isAhead(0, 0)).toBe(false);
  expect(world.take({ values: hours(1_000, 0), partition: 1, isAtEnd: false })).toMatchObject({
    taken: 240,
    duplicates: 240,
    setAside: 0,
  });
  world.stage.expect([2], 0);
  const many = Array.from({ length: 600 }, (_, at) => bytesOf(order(2_000 + at)));
  world.take({ values: many, isAtEnd: false });
  expect(world.stage.isAhead(0, 0)).toBe(true);
  expect(world.stage.isAhead(2, 0)).toBe(false);
});

test("positions of another source mean nothing, ids do", async () => {
  const world = new StagedRecords(NOW);
  world.take({ values: [bytesOf(order(1))] });
  world.commit();
  const moved = new StagedRecords(NOW, KAFKA_ORDERS);
  const { record, ids } = world.kept;
  if (record === null) throw new Error("nothing was committed");
  await moved.stage.restore(
    record,
    (async function* () {
      yield { number: 0, bytes: ids.get(0) ?? new Uint8Array(0) };
    })(),
    0,
  );
  expect(moved.position(0)).toBe(0);
  expect(moved.take({ values: [bytesOf(order(1))] })).toMatchObject({ taken: 0, duplicates: 1 });
});

test("a stream that is read from where it was before goes on there", async () => {
  const posted = new StagedRecords(NOW);
  posted.take({ values: [bytesOf(order(1))] });
  posted.commit();
  let { record } = posted.kept;
  const NO_IDS = (async function* () {})();
  const topics: number[] = [];
  for (const topic of ["orders", "sales", "orders", "orders"]) {
    const { kafka } = KAFKA_ORDERS;
    const moved = new StagedRecords(NOW, { ...KAFKA_ORDERS, kafka: { ...kafka, topic } });
    if (record === null) throw new Error("nothing was committed");
    await moved.stage.restore(record, NO_IDS, 0);
    topics.push(moved.position(0));
    moved.take({ values: [bytesOf(order(topics.length + 1))] });
    moved.commit();
    ({ record } = moved.kept);
  }
  expect(topics).toEqual([0, 0, 1, 2]);
  expect(record?.former?.map(({ source }) => source)).toEqual(["kafka sales", "http"]);
});

test("ids leave the store once they are older than the horizon; small commits share an entry", async () => {
  const world = new StagedRecords(NOW);
  for (let second = 0; second < 3_000; second += 1) {
    world.nowMs = NOW + second * 1_000;
    world.take({ values: [bytesOf(order(second, world.nowMs))] });
    world.commit();
  }
  const kept = [...world.kept.ids.values()].reduce((sum, { length }) => sum + length / 24, 0);
  expect(world.kept.ids.size).toBeLessThan(6);
  expect(kept).toBeGreaterThanOrEqual(600);
  expect(kept).toBeLessThan(600 + 2 * 256 + 32);
  expect(world.stage.idCount).toBeLessThan(700);
  await world.crash();
  const again = Array.from({ length: 600 }, (_, at) =>
    bytesOf(order(2_400 + at, NOW + (2_400 + at) * 1_000)),
  );
  expect(world.take({ values: again })).toMatchObject({ duplicates: 600 });
});

test("more ids than are to be kept: the horizon is shorter, what is older is set aside, and a restart knows", async () => {
  const world = new StagedRecords(NOW, { ...ORDERS, dedupeIdsMax: 1_000 });
  const values = Array.from({ length: 3_000 }, (_, id) => bytesOf(order(id, NOW - 300_000 + id * 100)));
  world.take({ values });
  world.commit();
  expect(world.stage.totals.aggregated).toBe(3_000);
  const again = {
    values: [bytesOf(order(0, NOW - 300_000)), bytesOf(order(2_999, NOW - 300_000 + 299_900))],
  };
  await world.crash();
  expect(world.take(again)).toMatchObject({ setAside: 1, duplicates: 1 });
});

test("records that are set aside because there were too many ids are told from those that are late", () => {
  const world = new StagedRecords(NOW, { ...KAFKA_ORDERS, dedupeIdsMax: 1_000 });
  world.stage.expect([0, 1], 0);
  world.take({
    values: Array.from({ length: 3_000 }, (_, id) => bytesOf(order(id, NOW - 7_500_000 + id * 100))),
  });
  const slow = (id: number, t: number) => world.take({ partition: 1, values: [bytesOf(order(id, t))] });
  expect(slow(3_001, NOW - 7_500_000)).toMatchObject({ setAside: 1 });
  expect(world.stage.crowdedOutCount).toBe(1);
  expect(slow(3_002, NOW)).toMatchObject({ setAside: 0 });
  expect(slow(3_003, NOW - 9_900_000)).toMatchObject({ setAside: 1 });
  expect(world.stage.crowdedOutCount).toBe(0);
});

test("records that the source has lost are counted, with the time that they may have been of, and reading goes on", async () => {
  const world = new StagedRecords(NOW);
  world.take({ values: [bytesOf(order(1, NOW - 100_000))] });
  expect(world.take({ values: [], offsets: [], nextOffset: 101, resumedAt: 101 })).toMatchObject({
    lost: 100,
  });
  expect(world.stage.totals).toMatchObject({ received: 1, lost: 100 });
  expect(world.stage.clock.export()).toMatchObject([
    { next: 101, lost: [{ startMs: NOW - 105_000, endMs: 8.64e15 }] },
  ]);
  world.commit();
  await world.crash();
  world.take({ values: [bytesOf(order(2, NOW - 40_000)), bytesOf(order(3))] });
  expect(world.stage.clock.export()).toMatchObject([
    { next: 103, lost: [{ startMs: NOW - 105_000, endMs: NOW - 35_000 }] },
  ]);
  world.finalToMs = NOW - 35_000;
  world.take({ values: [] });
  expect(world.stage.clock.export()[0].lost).toBeUndefined();
});

test("a loss close behind another takes nothing from what the first may have been of", () => {
  const world = new StagedRecords(NOW);
  world.take({ values: [bytesOf(order(1, NOW - 100_000))] });
  world.take({ values: [], offsets: [], nextOffset: 11, resumedAt: 11 });
  world.take({ values: [bytesOf(order(2, NOW - 40_000))] });
  world.take({ values: [], offsets: [], nextOffset: 21, resumedAt: 21 });
  world.take({ values: [bytesOf(order(3))] });
  expect(world.stage.clock.export()).toMatchObject([
    { lost: [{ startMs: NOW - 105_000, endMs: NOW + 5_000 }] },
  ]);
});

test("a source that was made anew is read from its start, and says so", () => {
  const world = new StagedRecords(NOW);
  world.take({ values: [1, 2, 3].map((id) => bytesOf(order(id, NOW - 1_000))) });
  world.take({ values: [], offsets: [], nextOffset: 0, resumedAt: 0 });
  expect(world.position(0)).toBe(0);
  expect(
    world.take({
      values: [bytesOf(order(4)), bytesOf(order(1, NOW - 1_000))],
      offsets: [0, 1],
      nextOffset: 2,
    }),
  ).toMatchObject({
    taken: 1,
    duplicates: 1,
  });
  expect(world.stage.clock.export()).toMatchObject([
    { next: 2, lost: [{ startMs: NOW - 6_000, endMs: NOW + 5_000 }] },
  ]);
});

test.each([
  ["of a live partition", true],
  ["of a backlog", false],
])("junk alone, %s, holds no other partition back", (_, isAtEnd) => {
  const config = { ...ORDERS, dedupeHorizonMs: 60_000, dedupeIdsMax: 200 };
  const world = new StagedRecords(NOW, config);
  world.stage.expect([0, 1], 0);
  for (let second = 0; second < 300; second += 1) {
    world.nowMs += 1_000;
    world.monotonicMs += 1_000;
    expect(world.stage.isAhead(0, world.monotonicMs)).toBe(false);
    world.take({ partition: 0, values: [bytesOf(order(second, world.nowMs))] });
    world.take({ partition: 1, values: [bytesOf("no order")], isAtEnd });
    world.stage.atEnd(1, isAtEnd, world.monotonicMs);
    world.commit();
  }
  const { stage, monotonicMs, nowMs } = world;
  expect(stage.clock.timeMs(monotonicMs)).toBe(nowMs);
  expect(stage.clock.watermarks(monotonicMs)).toEqual([
    { partition: 0, watermarkMs: nowMs - 5_000, isIdle: false },
    { partition: 1, watermarkMs: nowMs - 5_000, isIdle: true },
  ]);
  expect(stage.totals).toMatchObject({ aggregated: 300, setAside: 0 });
});

test("junk after good records: idle as if nothing came, also where each batch is seen before its end", () => {
  const world = new StagedRecords(NOW);
  const isIdle = () => world.stage.clock.watermarks(world.monotonicMs)[1].isIdle;
  for (const partition of [0, 1]) world.take({ partition, values: [bytesOf(order(partition))] });
  for (let second = 0; second < 29; second += 1) {
    world.monotonicMs += 1_000;
    world.take({ partition: 1, values: [bytesOf("no order")], isAtEnd: false });
    world.stage.atEnd(1, true, world.monotonicMs);
    expect(isIdle()).toBe(false);
  }
  world.monotonicMs += 1_000;
  expect(isIdle()).toBe(true);
  // What was not read yet may be good.
  world.stage.atEnd(1, false, world.monotonicMs);
  expect(isIdle()).toBe(false);
});

test("a partition that was not read yet holds the others, however long that takes", () => {
  const world = new StagedRecords(NOW);
  world.stage.expect([0, 1], 0);
  world.take({ values: [bytesOf(order(1))] });
  world.monotonicMs += 3_600_000;
  world.take({ values: [bytesOf(order(2, NOW + 3_600_000))] });
  expect(world.stage.clock.watermarks(world.monotonicMs)[1]).toMatchObject({
    watermarkMs: null,
    isIdle: false,
  });
});
