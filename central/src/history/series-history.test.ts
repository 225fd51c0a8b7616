// Shows that zooming never changes a number: at every step, whatever came late or crashed, a point is what a batch over all
// readings says; and that what is dropped is bounded and counted.
import { parseDuration } from "@millrace/runtime";
import { HISTORY_LEVELS, stateRange } from "@millrace/stream";
import { SeededRandom, turnsDuring } from "@millrace/testkit";
import { expect, test } from "vitest";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { chunkPlaceOf, chunksBetween, HISTORY_KEYS } from "./history-keys.ts";
import { emptyTotals, HISTORY_TOTALS } from "./history-totals.ts";
import type { HistoryTotals } from "./history-totals.ts";
import {
  batch,
  DAY_MS,
  expectTruth,
  HOUR_MS,
  MINUTE_MS,
  reading,
  SECOND_MS,
  shown,
  windowOf,
} from "./history-batch.test-support.ts";
import { HistoryWorld, START_MS, UNLIMITED } from "./history-world.test-support.ts";
import type { Reading } from "./history-world.test-support.ts";
import type { KeptFrom } from "./kept-from.ts";
import type { SeriesQuery } from "./series-page.ts";
import { SeriesReader } from "./series-reader.ts";
import { SERIES } from "./series-record.ts";
import type { StoredPaneBounds } from "./stored-panes.ts";

async function storedTotals(world: HistoryWorld): Promise<HistoryTotals | null> {
  const bytes = await world.store.get(HISTORY_KEYS.totals());
  return bytes === undefined ? emptyTotals() : HISTORY_TOTALS.read(bytes);
}

function keptFrom(world: HistoryWorld): KeptFrom {
  return world.history.seriesOf("t")[0].keptFromMs;
}

/** Chunks at each level. */
async function chunksStored(world: HistoryWorld, metric: string): Promise<number[]> {
  const counts: number[] = [];
  for (const { number } of HISTORY_LEVELS) {
    let count = 0;
    for await (const { key } of world.store.range(chunksBetween(number, -Infinity, Infinity)))
      if (chunkPlaceOf(key).series.startsWith(`${metric}:`)) count += 1;
    counts.push(count);
  }
  return counts;
}

async function panesStored(world: HistoryWorld): Promise<number> {
  const { from, to } = stateRange("p", world.view.key, -Infinity, Infinity);
  let count = 0;
  for await (const _ of world.store.range({ from: CENTRAL_KEYS.engine(from), to: CENTRAL_KEYS.engine(to) }))
    count += 1;
  return count;
}

test.each([
  ["1 s", [windowOf(SECOND_MS)]],
  ["250 ms", [windowOf(250)]],
  ["7 s, which no level is a multiple of", [windowOf(7_000)]],
  ["15 min", [windowOf(900_000)]],
  ["a second, final almost at once", [windowOf(SECOND_MS, { latenessMs: 2_000 })]],
  ["a minute, final within a block", [windowOf(MINUTE_MS, { latenessMs: 90_000 })]],
])(
  "panes of %s: every zoom is the batch over what was taken, through late data and crashes",
  async (_, windows) => {
    for (let seed = 1; seed <= 2; seed++) {
      const random = new SeededRandom(seed);
      const world = await HistoryWorld.open({ windows });
      for (let turn = 0; turn < 120; turn++) {
        world.nowMs += random.integer(1, 30_000);
        const readings: Reading[] = [];
        for (let left = random.integer(0, 4); left > 0; left--) {
          const isLate = random.next() < 0.2;
          const ageMs = isLate ? random.integer(0, 30 * HOUR_MS) : random.integer(0, 5_000);
          // Eighths: sums are exact, whatever their order.
          readings.push(
            reading(world.nowMs - ageMs, random.integer(-80, 80) / 8, `m${random.integer(1, 3)}`),
          );
        }
        await world.take(readings);
        const chance = random.next();
        await world.turn(chance < 0.04 ? "crash_before" : chance < 0.08 ? "crash_after" : "done");
      }
      await world.settle();
      await expectTruth(world);
      await world.restart();
      await expectTruth(world);
      await world.pass(2 * DAY_MS, HOUR_MS);
      expect(await panesStored(world)).toBe(0);
      await expectTruth(world);
    }
  },
);

test("what has just come is shown at once, and late data once it is rolled up", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  await world.take([reading(START_MS, 1)]);
  await world.turn();
  await expectTruth(world);
  await world.pass(10 * MINUTE_MS);
  await world.take([reading(START_MS + 1_000, 5), reading(world.nowMs, 7)]);
  await world.turn();
  expect((await world.page()).pendingFromMs).toBe(START_MS);
  expect(await shown(world, DAY_MS)).toEqual(batch([world.taken[0], world.taken[2]], DAY_MS, SECOND_MS));
  await world.settle();
  expect((await world.page()).pendingFromMs).toBeNull();
  await expectTruth(world);
});

test("a block rolled up too early, by a clock that was ahead, does not stay behind its panes", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  world.clockAheadMs = HOUR_MS;
  await world.take([reading(START_MS, 1)]);
  await world.pass(20_000);
  world.clockAheadMs = 0;
  await world.take([reading(START_MS + 1_000, 2)]);
  await world.pass(20_000);
  await expectTruth(world);
});

test("a late reading for a block of which some windows are final leaves the others' readings where they are", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS, { latenessMs: 4 * MINUTE_MS })] });
  await world.take([reading(START_MS, 1), reading(START_MS + 220 * SECOND_MS, 2)]);
  await world.pass(7.5 * MINUTE_MS);
  await world.take([reading(START_MS + 225 * SECOND_MS, 3)]);
  await world.settle();
  expect(world.taken).toHaveLength(3);
  await expectTruth(world);
});

test("a reading that comes while its block is being rolled up is in it too, whenever that is", async () => {
  for (let secondsAfter = 0; secondsAfter < 6; secondsAfter++) {
    const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
    await world.take([reading(START_MS, 1)]);
    await world.pass(388_000, 4_000);
    await world.pass(secondsAfter * 1_000, 1_000);
    await world.take([reading(START_MS + 2_000, 2)]);
    await world.settle();
    expect(await shown(world, HOUR_MS)).toEqual(batch(world.taken, HOUR_MS, SECOND_MS));
  }
});

test("a crash behind a commit that rolls it up loses no reading that came meanwhile", async () => {
  for (let turns = 0; turns < 5; turns++) {
    const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], bounds: { portionBytesMax: 1 } });
    for (let machine = 0; machine < 100; machine++)
      await world.take([reading(START_MS, machine, `m${machine}`)]);
    await world.pass(388_000, 4_000);
    await world.pass(turns * 1_000, 1_000);
    await world.take([reading(START_MS + 2_000, 2)]);
    for (let left = 10; left > 0 && world.history.seriesOf("t")[0].rolledToMs < START_MS; left--)
      await world.pass(1_000, 1_000);
    await world.restart();
    await world.settle();
    expect(await shown(world, HOUR_MS)).toEqual(batch(world.taken, HOUR_MS, SECOND_MS));
  }
});

test("a restart in the middle of a block shows what is only in stored panes", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  await world.take([reading(START_MS, 1)]);
  await world.pass(8 * MINUTE_MS);
  await world.take([reading(world.nowMs, 3)]);
  await world.turn();
  await world.restart();
  await expectTruth(world);
});

test("after a start, where more panes wait to be rolled up than are read at once, a chart is whole or refused", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  const machines = ["m1", "m2", "m3", "m4"];
  for (let second = 0; second < 60; second++) {
    await world.take(machines.map((machine) => reading(world.nowMs, second, machine)));
    await world.pass(SECOND_MS, SECOND_MS);
  }
  await world.restart();
  const ask = (bounds: StoredPaneBounds, query: Partial<SeriesQuery>) => {
    const reader = new SeriesReader(world.store, world.history, async () => {}, bounds);
    const all = { metric: "t", by: null, group: {}, values: ["count"], cursor: null };
    const range = { fromMs: START_MS, toMs: START_MS + MINUTE_MS, stepMs: SECOND_MS, maxPoints: 1 };
    return reader.page({ ...all, ...range, limit: 10, ...query });
  };
  const counted = async (bounds: StoredPaneBounds, query: Partial<SeriesQuery> = {}) => {
    const page = await ask(bounds, query);
    if ("reason" in page) throw new Error(page.detail);
    return page.series.map(({ startMs }) => startMs.length);
  };
  expect(await counted({ keysMax: 0, readMax: 240 })).toEqual([60, 60, 60, 60]);
  // What others have costs one machine's chart nothing.
  const bounds = { keysMax: 120, readMax: 90 };
  expect(await counted(bounds, { group: { machine: "m3" } })).toEqual([60]);
  expect(await ask(bounds, {})).toEqual({
    reason: "too_much",
    detail:
      "what came of t since 2023-11-15T00:00:00.000Z is not rolled up yet, and more than the 90 panes that are read for an answer: ask for to=2023-11-15T00:00:22.000Z, or for limit=2 and, with cursor, the pages that follow, or for the same again once it is rolled up",
  });
  expect(await counted(bounds, { toMs: START_MS + 22_000 })).toEqual([22, 22, 22, 22]);
  expect(await counted(bounds, { limit: 2 })).toEqual([60, 60]);
});

test("a window that is taken out and put back has all its history, what was not rolled up when it went as well", async () => {
  const windows = [windowOf(SECOND_MS, { latenessMs: HOUR_MS })];
  const world = await HistoryWorld.open({ windows });
  await world.take([reading(START_MS, 1)]);
  await world.settle();
  await world.take([reading(START_MS + 1_000, 2), reading(world.nowMs, 3)]);
  await world.turn();
  await world.restart([windowOf(SECOND_MS, { name: "other", metric: "other" })]);
  await world.settle();
  await world.restart(windows);
  await world.pass(3 * HOUR_MS, MINUTE_MS);
  await world.settle();
  await expectTruth(world);
});

test("a store from before there was a history is rolled up from its panes", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  await world.take([reading(START_MS, 1), reading(START_MS - 5 * HOUR_MS, 2)]);
  await world.turn();
  const ours = [];
  for await (const { key } of world.store.range({ from: Uint8Array.of(0x68), to: Uint8Array.of(0x69) }))
    ours.push(key);
  await world.store.commit(
    ours.map((key) => ({ type: "del", key })),
    { isSync: true },
  );
  await world.restart();
  await world.settle();
  await expectTruth(world);
});

test("whatever stored value of it is damaged, it starts, counts that and goes on", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  await world.take([reading(START_MS, 1)]);
  await world.settle();
  await world.take([reading(START_MS + MINUTE_MS, 2)]);
  await world.turn();
  const stored: (readonly [key: Uint8Array, value: Uint8Array])[] = [];
  for await (const { key, value } of world.store.range({
    from: Uint8Array.of(0x68),
    to: Uint8Array.of(0x69),
  }))
    stored.push([key, value]);
  expect(stored.length).toBeGreaterThan(8);
  // Cut short, too, in a chunk's head, its buckets' numbers and its columns.
  const cuts = Array.from({ length: 32 }, (_, length) => (value: Uint8Array) => value.subarray(0, length));
  for (const damaged of [() => Uint8Array.of(1, 200, 3), ...cuts]) {
    await world.store.commit(
      stored.map(([key, value]) => ({ type: "put", key, value: damaged(value) })),
      { isSync: true },
    );
    await world.restart();
    await world.take([reading(world.nowMs, 3)]);
    await world.settle();
    const { dirtyBlocks, unreadable } = world.history.counts(world.nowMs);
    expect([dirtyBlocks, unreadable > 0]).toEqual([0, true]);
    const { series } = await world.page({
      stepMs: SECOND_MS,
      fromMs: world.nowMs - 2 * HOUR_MS,
      toMs: world.nowMs,
    });
    expect(series[0].values["max"].at(-1)).toBe(3);
  }
});

test("a block with more than memory takes is rolled up in parts", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], bounds: { rowsMax: 20 } });
  for (let second = 0; second < 360; second += 2)
    await world.take([reading(START_MS + second * SECOND_MS, second)]);
  await world.turn();
  await world.settle();
  await expectTruth(world);
});

test("a group that is rolled up before the others of its block counts once", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], bounds: { portionBytesMax: 1 } });
  for (let machine = 0; machine < 100; machine++)
    await world.take([reading(START_MS, machine, `m${machine}`)]);
  await world.pass(380_000);
  let halves = 0;
  while (world.history.counts(world.nowMs).dirtyBlocks > 0) {
    expect(await shown(world, HOUR_MS)).toEqual(batch(world.taken, HOUR_MS, SECOND_MS));
    const { bytes } = world.history.totals["1h"];
    if (bytes > 0) halves += 1;
    // So does a crash in the middle.
    if (halves === 2) await world.restart();
    await world.pass(5_000);
  }
  expect(halves).toBeGreaterThan(2);
  expect(await shown(world, HOUR_MS)).toEqual(batch(world.taken, HOUR_MS, SECOND_MS));
});

test("what is too old goes level by level, is counted, and never comes again with late data", async () => {
  const limits = { ...UNLIMITED, "1s": { retainMs: HOUR_MS, bytesMax: 2 ** 40 } };
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], limits });
  await world.take([reading(START_MS, 1), reading(START_MS + 10_000, 2)]);
  await world.settle();
  const { bytes } = world.history.totals["1s"];
  expect(bytes).toBeGreaterThan(0);
  await world.pass(2 * HOUR_MS, MINUTE_MS);
  await world.take([reading(START_MS + 20_000, 3)]);
  await world.settle();
  expect(world.history.totals["1s"]).toEqual({
    bytes: 0,
    droppedByAge: 2,
    droppedBySize: 0,
  });
  expect(keptFrom(world)["1s"]).toBe(START_MS + 360_000);
  const page = await world.page({ stepMs: 1_000, fromMs: START_MS, toMs: START_MS + MINUTE_MS });
  expect([page.level, page.stepMs, page.series[0].values["count"]]).toEqual(["10s", 10_000, [1, 1, 1]]);
  await world.restart();
  expect(world.history.totals["1s"].droppedByAge).toBe(2);
  await world.take([reading(START_MS + 30_000, 4)]);
  await world.settle();
  expect(world.history.totals["1s"].bytes).toBe(0);
});

test("a level takes no more bytes than it may: the oldest goes first, and the count of bytes is that of the store", async () => {
  const bytesMax = 2_000;
  const limits = { ...UNLIMITED, "10s": { retainMs: 4_000 * DAY_MS, bytesMax } };
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], limits });
  for (let minute = 0; minute < 120; minute++) {
    await world.take([reading(world.nowMs, minute, "m1"), reading(world.nowMs, minute, "m2")]);
    await world.pass(MINUTE_MS, 10_000);
    const { bytes, droppedByAge } = world.history.totals["10s"];
    let stored = 0;
    for await (const { value } of world.store.range(chunksBetween(2, -Infinity, Infinity)))
      stored += value.length;
    expect([bytes, droppedByAge]).toEqual([stored, 0]);
    // A portion is written before the next trim sees it.
    expect(bytes).toBeLessThan(2 * bytesMax);
  }
  await world.settle();
  expect(world.history.totals["10s"].bytes).toBeLessThanOrEqual(bytesMax);
  expect(world.history.totals["10s"].droppedBySize).toBeGreaterThan(0);
  expect(await shown(world, HOUR_MS)).toEqual(batch(world.taken, HOUR_MS, SECOND_MS));
});

test("the stored totals are those in memory after every commit, also of one that drops and writes", async () => {
  const limits = { ...UNLIMITED, "10s": { retainMs: 4_000 * DAY_MS, bytesMax: 2_000 } };
  const world = await HistoryWorld.open({
    windows: [windowOf(SECOND_MS)],
    limits,
    bounds: { portionBytesMax: 1 },
  });
  for (let block = 0; block < 2; block++) {
    for (let machine = 0; machine < 100; machine++)
      await world.take([reading(world.nowMs, machine, `m${machine}`)]);
    for (let turn = 0; turn < 80; turn++) {
      await world.pass(5_000);
      expect(await storedTotals(world)).toEqual(world.history.totals);
    }
  }
  expect(world.history.totals["10s"].droppedBySize).toBeGreaterThan(0);
});

test("minutes and hours that late data may still change are not dropped, however small the room", async () => {
  const small = { retainMs: 4_000 * DAY_MS, bytesMax: 1 };
  const limits = { ...UNLIMITED, "1m": small, "1h": small };
  const world = await HistoryWorld.open({
    windows: [windowOf(SECOND_MS, { latenessMs: 2 * HOUR_MS })],
    limits,
  });
  for (let at = 0; at < 30; at++) {
    await world.take([reading(world.nowMs, at), reading(world.nowMs - HOUR_MS, at)]);
    await world.pass(10 * MINUTE_MS, MINUTE_MS);
  }
  await world.settle();
  expect(await shown(world, DAY_MS)).toEqual(batch(world.taken, DAY_MS, SECOND_MS));
  await world.pass(20 * DAY_MS, 2 * HOUR_MS);
  expect(world.history.totals["1m"].bytes).toBe(0);
  expect(await shown(world, DAY_MS)).toEqual(batch(world.taken, DAY_MS, SECOND_MS));
});

test("a stream whose time is long ago holds up the retention of no other metric, and has whole days itself", async () => {
  const limits = {
    ...UNLIMITED,
    "1m": { retainMs: 6 * HOUR_MS, bytesMax: 2 ** 40 },
    "1h": { retainMs: DAY_MS, bytesMax: 2 ** 40 },
  };
  const window = windowOf(MINUTE_MS, { latenessMs: HOUR_MS });
  const world = await HistoryWorld.open({
    windows: [window, { ...window, name: "old", metric: "old" }],
    limits,
  });
  const backMs = 700 * DAY_MS;
  const takeUntil = async (day: number, isOldThere: boolean) => {
    while (world.nowMs < START_MS + day * DAY_MS) {
      await world.take([reading(world.nowMs, 1)]);
      if (isOldThere) {
        world.passStream("old", world.nowMs - backMs);
        await world.take([{ ...reading(world.nowMs - backMs, 1), metric: "old" }]);
      }
      await world.pass(30 * MINUTE_MS, 30 * MINUTE_MS);
    }
  };
  await takeUntil(2, false);
  await takeUntil(20, true);
  await world.restart();
  await takeUntil(34, true);
  await world.settle();
  // Of minutes a day and the lateness at most.
  for (const metric of ["t", "old"]) {
    const [, , minutes, hours] = await chunksStored(world, metric);
    expect([metric, minutes < 32, hours < 3]).toEqual([metric, true, true]);
  }
  const page = await world.page({ metric: "old", stepMs: DAY_MS, fromMs: START_MS - backMs });
  const [{ startMs, values }] = page.series;
  const ours = world.taken.filter(({ metric }) => metric === "old");
  expect(startMs.map((atMs, index) => [`m1 ${atMs}`, values["count"][index]])).toEqual(
    Object.entries(batch(ours, DAY_MS, MINUTE_MS)).map(([key, { count }]) => [key, count]),
  );
});

test("in the store of an earlier build what was dropped stays so, and what begins later is kept", async () => {
  const limits = { ...UNLIMITED, "1s": { retainMs: HOUR_MS, bytesMax: 2 ** 40 } };
  const windows = [windowOf(SECOND_MS)];
  const world = await HistoryWorld.open({ windows, limits });
  await world.take([reading(START_MS, 1)]);
  await world.settle();
  await world.pass(2 * HOUR_MS, MINUTE_MS);
  const kept = keptFrom(world);
  const totals = Object.entries(world.history.totals).map(([name, of]) => [
    name,
    { ...of, keptFromMs: name === "1s" ? kept["1s"] : null },
  ]);
  const { key } = world.history.seriesOf("t")[0];
  await world.store.commit(
    [
      { type: "del", key: HISTORY_KEYS.keptFrom(key) },
      {
        type: "put",
        key: HISTORY_KEYS.totals(),
        value: Buffer.from(JSON.stringify(Object.fromEntries(totals))),
      },
    ],
    { isSync: true },
  );
  for (let start = 0; start < 2; start++) {
    await world.restart([...windows, windowOf(SECOND_MS, { name: "old", metric: "old" })]);
    expect(keptFrom(world)).toEqual(kept);
    expect(world.history.seriesOf("old")[0].keptFromMs["1s"]).toBeNull();
    expect(world.history.totals).toEqual(await storedTotals(world));
  }
  await world.take([reading(START_MS + 20_000, 3)]);
  await world.settle();
  expect(world.history.totals["1s"].bytes).toBe(0);
});

test("in the store of an earlier build a stream of long ago has whole hours", async () => {
  const window = windowOf(SECOND_MS);
  const world = await HistoryWorld.open({ windows: [window, { ...window, name: "old", metric: "old" }] });
  const oldMs = START_MS - 700 * DAY_MS;
  const take = async (minute: number) => {
    world.passStream("old", oldMs + minute * MINUTE_MS);
    await world.take([{ ...reading(oldMs + minute * MINUTE_MS, 1), metric: "old" }]);
    await world.settle();
  };
  await take(0);
  const totals = Object.entries(world.history.totals).map(([name, of]) => [
    name,
    { ...of, keptFromMs: name === "1m" ? START_MS - DAY_MS : null },
  ]);
  await world.store.commit(
    [
      ...world.history
        .seriesOf("old")
        .map(({ key, record: { metric, by, rolledToMs } }) =>
          SERIES.put(HISTORY_KEYS.series(key), { metric, by, rolledToMs }),
        ),
      {
        type: "put",
        key: HISTORY_KEYS.totals(),
        value: Buffer.from(JSON.stringify(Object.fromEntries(totals))),
      },
    ],
    { isSync: true },
  );
  await world.restart();
  for (let minute = 1_440; minute < 1_500; minute += 10) await take(minute);
  const page = await world.page({ metric: "old", stepMs: DAY_MS, fromMs: oldMs, toMs: oldMs + 2 * DAY_MS });
  expect(page.series[0].values["count"]).toEqual([1, 6]);
});

test("a value that the metric did not accumulate then is left out of what it is part of", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], accumulate: ["sum"] });
  await world.take([reading(START_MS, 4)]);
  await world.settle();
  world.accumulate(["sum", "max"]);
  await world.restart();
  await world.take([reading(START_MS + HOUR_MS, 6)]);
  await world.settle();
  const hours = await world.page({ stepMs: HOUR_MS });
  expect([hours.series[0].values["max"], hours.series[0].values["sum"]]).toEqual([
    [null, 6],
    [4, 6],
  ]);
  const day = await world.page({ stepMs: DAY_MS });
  expect([day.series[0].values["max"], day.series[0].values["sum"]]).toEqual([[null], [10]]);
});

test("where only some of it was kept so that rows can be taken out, mean and deviation are those of all of it", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], accumulate: ["mean"] });
  await world.take([reading(START_MS, 4)]);
  await world.settle();
  world.accumulate(["mean", "moments"]);
  await world.restart();
  await world.take([reading(START_MS + HOUR_MS, 6)]);
  await world.settle();
  for (const [stepMs, mean] of [
    [HOUR_MS, [4, 6]],
    [DAY_MS, [5]],
  ] as const) {
    const page = await world.page({ stepMs, values: ["mean", "stddev"] });
    const { values } = page.series[0];
    expect([values["mean"], values["stddev"]]).toEqual([mean, mean.map(() => (mean.length > 1 ? 0 : 1))]);
  }
});

test("a series that no window is of any more can still be asked for, and goes when its time is over", async () => {
  const limits = { ...UNLIMITED, "1d": { retainMs: DAY_MS, bytesMax: 2 ** 40 } };
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], limits });
  await world.take([reading(START_MS, 4)]);
  await world.settle();
  await world.restart([windowOf(SECOND_MS, { by: ["site"] })]);
  const old = await world.page({ by: ["machine", "site"], stepMs: DAY_MS });
  expect(old.series.map(({ labels, values }) => [labels, values["count"]])).toEqual([
    [{ site: "alpha", machine: "m1" }, [1]],
  ]);
  await world.pass(520 * DAY_MS, 2 * DAY_MS);
  await expect(world.page({ by: ["machine", "site"] })).rejects.toThrow("t is kept by: site");
  expect(await chunksStored(world, "t")).toEqual([0, 0, 0, 0, 0]);
});

test("a group that comes again with the commit that forgets it is there after a restart", async () => {
  const limits = { ...UNLIMITED, "1d": { retainMs: DAY_MS, bytesMax: 2 ** 40 } };
  const aged = async () => {
    const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)], limits });
    await world.take([reading(START_MS, 4)]);
    await world.settle();
    return world;
  };
  const first = await aged();
  for (; first.history.counts(first.nowMs).groups > 0;) await first.pass(2 * DAY_MS, 2 * DAY_MS);
  const world = await aged();
  await world.pass(first.nowMs - world.nowMs - 2 * DAY_MS, 2 * DAY_MS);
  expect(world.history.counts(world.nowMs).groups).toBe(1);
  await world.take([reading(first.nowMs, 5)]);
  await world.pass(2 * DAY_MS, 2 * DAY_MS);
  expect(world.history.counts(world.nowMs).groups).toBe(1);
  await world.restart();
  expect(world.history.counts(world.nowMs).groups).toBe(1);
});

test("a great answer lets others have their turns", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  await world.take(["m1", "m2", "m3"].map((machine) => reading(START_MS, 1, machine)));
  await world.settle();
  const turns = await turnsDuring(() =>
    world.page({ stepMs: SECOND_MS, fromMs: START_MS, toMs: START_MS + 60_000 * SECOND_MS }),
  );
  expect(turns).toBeGreaterThan(60);
});

test("panes are read some at a time: what leaves them meanwhile, or changes, counts once", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  for (let second = 0; second < 90; second++)
    await world.take(
      Array.from({ length: 80 }, (_, machine) =>
        reading(START_MS + second * SECOND_MS, machine, `m${machine}`),
      ),
    );
  await world.turn();
  let moments = 0;
  const reader = new SeriesReader(world.store, world.history, async () => {
    moments += 1;
    // Behind the first half of the panes everything is rolled up.
    if (moments === 2) await world.settle();
  });
  const points: Record<string, number> = {};
  const query = {
    metric: "t",
    by: null,
    group: {},
    values: ["count"],
    limit: 1_000,
    maxPoints: 1_000,
    cursor: null,
  };
  const range = { fromMs: START_MS, toMs: START_MS + MINUTE_MS * 2, stepMs: SECOND_MS };
  const page = await reader.page({ ...query, ...range });
  if ("reason" in page) throw new Error(page.detail);
  for (const { labels, startMs, values } of page.series)
    for (const [index, atMs] of startMs.entries())
      points[`${labels["machine"]} ${atMs}`] = values["count"][index] ?? NaN;
  expect(moments).toBe(3);
  const truth = batch(world.taken, SECOND_MS, SECOND_MS);
  expect(points).toEqual(Object.fromEntries(Object.entries(truth).map(([key, { count }]) => [key, count])));
});

test("a query that is overtaken by one roll-up after another still has every reading", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS, { latenessMs: 2_000 })] });
  await world.take([reading(world.nowMs, 1)]);
  await world.turn();
  let moments = 0;
  const reader = new SeriesReader(world.store, world.history, async () => {
    moments += 1;
    if (moments > 20) return;
    await world.take([reading(world.nowMs, 1)]);
    await world.pass(8 * MINUTE_MS, 10_000);
  });
  const { taken } = world;
  const query = {
    metric: "t",
    by: null,
    group: {},
    values: ["count"],
    limit: 10,
    maxPoints: 10,
    cursor: null,
  };
  const page = await reader.page({
    ...query,
    fromMs: START_MS - DAY_MS,
    toMs: START_MS + DAY_MS,
    stepMs: 12 * HOUR_MS,
  });
  if ("reason" in page) throw new Error(page.detail);
  const counts = page.series.flatMap(({ values }) => values["count"].map((count) => count ?? 0));
  expect([counts.reduce((sum, count) => sum + count, 0), moments < 8]).toEqual([taken.length, true]);
});

test("pages of groups, by label and in order", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  const machines = ["m1", "m2", "m3", "m4"];
  await world.take(
    machines.map((machine, index) => reading(START_MS, index, machine, index < 3 ? "北京" : "beta")),
  );
  await world.turn();
  const names = async (query: Parameters<typeof world.page>[0]) => {
    const page = await world.page(query);
    return [page.series.map(({ labels }) => labels["machine"]), page.cursor] as const;
  };
  const [first, cursor] = await names({ limit: 2, group: { site: "北京" } });
  expect(first).toEqual(["m1", "m2"]);
  expect(await names({ limit: 2, group: { site: "北京" }, cursor })).toEqual([["m3"], null]);
  expect(await names({ group: { machine: "m4" } })).toEqual([["m4"], null]);
  expect(await refusalOf(world, { cursor: '["北京"]' })).toMatch(
    /^bad_request: cursor is not that of a page/,
  );
});

test("metrics, labels and values that are not kept are told, with those that are", async () => {
  const world = await HistoryWorld.open({
    windows: [windowOf(SECOND_MS)],
    accumulate: ["sum", "quantiles", "distinct"],
  });
  await world.take([reading(START_MS, 1, "m1")]);
  await world.turn();
  const others =
    "Quantiles, distinct values and the most frequent ones are told by windows only, of metrics that accumulate them";
  expect(await refusalOf(world, { values: ["sum", "p99", "max"] })).toBe(
    `unknown_values: the history keeps no p99, max of t; it keeps count, sum, uncertain, bad, undeduplicated, mean. ${others}`,
  );
  expect((await world.page({ values: ["mean"] })).series[0].values).toEqual({ mean: [1] });
  // Where none is asked for there is no empty column either.
  expect((await world.page({ values: null })).series[0].values).toEqual({ count: [1], mean: [1], sum: [1] });
  expect(await refusalOf(world, { metric: "tt" })).toBe(
    "unknown_metric: nothing is kept of metric tt; did you mean t?",
  );
  expect(await refusalOf(world, { group: { machin: "m1" } })).toBe(
    "unknown_labels: t is kept by: site,machine; machin is none of these labels: did you mean machine?",
  );
  expect(await refusalOf(world, { group: { stp: "1" } })).toMatch(/did you mean step\?$/);
  expect(await refusalOf(world, { by: ["machine"] })).toBe("unknown_labels: t is kept by: site,machine");
});

test("what is more than an answer holds is refused with what an answer does hold", async () => {
  const world = await HistoryWorld.open({ windows: [windowOf(SECOND_MS)] });
  await world.take(Array.from({ length: 300 }, (_, machine) => reading(START_MS, machine, `m${machine}`)));
  await world.turn();
  for (const asked of [
    { stepMs: SECOND_MS },
    { stepMs: 7 * SECOND_MS, fromMs: START_MS - 30 * DAY_MS },
    { stepMs: 90 * MINUTE_MS, fromMs: START_MS - 3_000 * DAY_MS },
    { stepMs: SECOND_MS, fromMs: START_MS - 3_000 * DAY_MS, limit: 1 },
    { stepMs: 1_000_000 * DAY_MS + SECOND_MS, fromMs: -1e15 },
  ]) {
    const refusal = await refusalOf(world, asked);
    const ways = refusal.split(" ask for ")[1].split(", or for ");
    for (const way of ways) {
      const { step, limit } =
        /^(?:step=(?<step>\w+))?(?: with )?(?:limit=(?<limit>\d+) and.*)?$/.exec(way)?.groups ?? {};
      expect(step ?? limit, refusal).toBeDefined();
      await world.page({
        ...asked,
        ...(step === undefined ? {} : { stepMs: parseDuration(step) }),
        ...(limit === undefined ? {} : { limit: Number(limit) }),
      });
    }
  }
});

/** Why it is not answered. */
async function refusalOf(world: HistoryWorld, query: Parameters<HistoryWorld["page"]>[0]): Promise<string> {
  return world.page(query).then(
    () => "answered",
    (error: unknown) => (error instanceof Error ? error.message : ""),
  );
}
