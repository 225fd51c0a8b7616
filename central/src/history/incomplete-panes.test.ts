// Shows that what was rolled up is never made anew from panes of which some are gone, or lie elsewhere by now: whichever windows
// come and go over a metric, the history loses nothing of what it has, and counts nothing twice.
import type { WindowSpec } from "@millrace/stream";
import { decodeChunk, HISTORY_LEVELS } from "@millrace/stream";
import { SeededRandom } from "@millrace/testkit";
import { expect, test } from "vitest";
import { chunkPlaceOf, chunksBetween, HISTORY_KEYS } from "./history-keys.ts";
import {
  batch,
  DAY_MS,
  expectZoomsAgree,
  HOUR_MS,
  MINUTE_MS,
  reading,
  SECOND_MS,
  shown,
  windowOf,
} from "./history-batch.test-support.ts";
import { HistoryWorld, START_MS, UNLIMITED } from "./history-world.test-support.ts";
import type { Reading } from "./history-world.test-support.ts";
import { SERIES } from "./series-record.ts";

const SHORT = { retainMs: HOUR_MS, bytesMax: 2 ** 40 };

/** How many readings all points together have. */
async function total(world: HistoryWorld, stepMs: number): Promise<number> {
  return Object.values(await shown(world, stepMs)).reduce((sum, { count }) => sum + count, 0);
}

test.each([UNLIMITED, { ...UNLIMITED, "1m": SHORT }])(
  "a late reading for a block whose panes have gone, which a later window still takes, leaves the block as it was",
  async (limits) => {
    const window = windowOf(SECOND_MS, { latenessMs: HOUR_MS });
    const world = await HistoryWorld.open({ windows: [window], limits });
    await world.take([reading(START_MS, 1), reading(START_MS + 20.5 * MINUTE_MS, 2)]);
    await world.settle();
    await world.pass(3 * DAY_MS, HOUR_MS);
    const later = { ...window, name: "w2", latenessMs: 10 * DAY_MS };
    await world.forgetWindows();
    await world.restart([window, later]);
    for (const windows of [[later], [window, later]]) {
      await world.take([reading(START_MS + 20 * MINUTE_MS, 3)]);
      await world.settle();
      expect(world.history.counts(world.nowMs).tooLate).toBe(1);
      for (const stepMs of [HOUR_MS, DAY_MS])
        expect(await shown(world, stepMs)).toEqual(batch(world.taken.slice(0, 2), stepMs, SECOND_MS));
      await world.restart(windows);
    }
    expect([world.taken.length, world.history.counts(world.nowMs).tooLate]).toEqual([4, 0]);
    await world.take([reading(world.nowMs - 5 * MINUTE_MS, 3)]);
    await world.settle();
    expect(await total(world, DAY_MS)).toBe(3);
  },
);

test.each([true, false])(
  "in the store of an earlier build, too, which noted nowhere what it dropped (windows the same: %s)",
  async (isSame) => {
    const window = windowOf(SECOND_MS, { latenessMs: HOUR_MS });
    const world = await HistoryWorld.open({ windows: [window] });
    await world.take([reading(START_MS, 1), reading(START_MS + 20.5 * MINUTE_MS, 2)]);
    await world.settle();
    await world.pass(DAY_MS, HOUR_MS);
    await world.take([reading(world.nowMs - 30 * MINUTE_MS, 3)]);
    await world.turn();
    const { key, record } = world.history.seriesOf("t")[0];
    const { droppedToMs: _, paneMs: _pane, ...earlier } = record;
    await world.store.commit([SERIES.put(HISTORY_KEYS.series(key), earlier)], { isSync: true });
    const later = { ...window, name: "w2", latenessMs: 10 * DAY_MS };
    await world.forgetWindows();
    await world.restart(isSame ? [window, later] : [later]);
    await world.take([reading(START_MS + 20 * MINUTE_MS, 4), reading(world.nowMs - 29 * MINUTE_MS, 5)]);
    await world.settle();
    const told = world.taken.filter(({ value }) => value !== 4);
    expect([world.taken.length, told.length]).toEqual([5, 4]);
    for (const stepMs of [HOUR_MS, DAY_MS])
      expect(await shown(world, stepMs)).toEqual(batch(told, stepMs, SECOND_MS));
  },
);

test("what is not rolled up yet when the last window over it goes is rolled up once there is one again", async () => {
  const window = windowOf(SECOND_MS, { latenessMs: HOUR_MS });
  const other = windowOf(SECOND_MS, { name: "other", by: ["site"] });
  const world = await HistoryWorld.open({ windows: [window, other] });
  await world.take([reading(START_MS, 1)]);
  await world.settle();
  await world.take([reading(START_MS + SECOND_MS, 2), reading(world.nowMs, 3)]);
  await world.turn();
  await world.restart([other]);
  await world.pass(3 * DAY_MS, HOUR_MS);
  await world.restart([window, other]);
  await world.pass(3 * DAY_MS, HOUR_MS);
  await world.take([reading(world.nowMs, 4)]);
  await world.settle();
  expect(
    (await world.page({ by: ["machine", "site"], stepMs: DAY_MS, toMs: world.nowMs })).series[0].values[
      "count"
    ],
  ).toEqual([3, 1]);
});

test("a late reading for an hour whose minutes have gone while no window was over it leaves the hour as it was", async () => {
  const window = windowOf(SECOND_MS, { latenessMs: 10 * DAY_MS });
  const other = windowOf(SECOND_MS, { name: "other", by: ["site"], latenessMs: 10 * DAY_MS });
  const world = await HistoryWorld.open({ windows: [window, other], limits: { ...UNLIMITED, "1m": SHORT } });
  await world.take([reading(START_MS, 1), reading(START_MS + 20 * MINUTE_MS, 2)]);
  await world.settle();
  await world.restart([other]);
  await world.pass(3 * DAY_MS, HOUR_MS);
  await world.restart([window, other]);
  await world.take([reading(START_MS + 40 * MINUTE_MS, 3)]);
  await world.settle();
  expect(world.taken).toHaveLength(3);
  const { series } = await world.page({ by: ["machine", "site"], stepMs: HOUR_MS, toMs: world.nowMs });
  expect(series[0].values["count"]).toEqual([2]);
});

test("nor a day whose hours have", async () => {
  const window = windowOf(HOUR_MS, { latenessMs: 100 * DAY_MS });
  const other = windowOf(SECOND_MS, { name: "other", by: ["site"], latenessMs: 100 * DAY_MS });
  const world = await HistoryWorld.open({ windows: [window, other], limits: { ...UNLIMITED, "1h": SHORT } });
  await world.take([reading(START_MS, 1), reading(START_MS + 2 * HOUR_MS, 2)]);
  await world.settle();
  await world.restart([other]);
  await world.pass(40 * DAY_MS, 12 * HOUR_MS);
  await world.restart([window, other]);
  await world.take([reading(START_MS + 4 * HOUR_MS, 3)]);
  await world.settle();
  expect(world.taken).toHaveLength(3);
  const { series } = await world.page({ by: ["machine", "site"], stepMs: DAY_MS, toMs: world.nowMs });
  expect(series[0].values["count"]).toEqual([2]);
});

const SECOND = windowOf(SECOND_MS, { name: "second" });
const QUARTER = windowOf(15 * MINUTE_MS, { name: "quarter" });
const ERAS: readonly (readonly [string, readonly (readonly WindowSpec[])[]])[] = [
  ["coarser", [[SECOND], [QUARTER]]],
  ["finer", [[QUARTER], [QUARTER, SECOND]]],
  ["finer, with other windows", [[QUARTER], [SECOND]]],
  ["coarser, then finer again", [[SECOND], [QUARTER], [SECOND]]],
  ["seven seconds long", [[SECOND], [windowOf(7_000)]]],
  ["seven seconds long, then one", [[SECOND], [windowOf(7_000)], [SECOND]]],
  [
    "an hour long, then a quarter of one, then a second",
    [[SECOND], [windowOf(HOUR_MS)], [QUARTER], [SECOND]],
  ],
  ["six hours long", [[QUARTER], [windowOf(6 * HOUR_MS)]]],
  ["six hours long, then a second", [[SECOND], [windowOf(6 * HOUR_MS)], [SECOND]]],
];

/** An hour and a quarter of two machines, rolled up, then the panes as they become, one after another. */
async function through(eras: readonly (readonly WindowSpec[])[]) {
  const world = await HistoryWorld.open({ windows: eras[0] });
  let readings = [0, 6, 12, 16, 17, 18, 29, 31, 45, 59, 60, 61, 75].map((minute) =>
    reading(START_MS + minute * MINUTE_MS, minute, `m${minute % 2}`),
  );
  await world.take(readings);
  await world.pass(2 * HOUR_MS, MINUTE_MS);
  let longestMs = world.view.layout.paneMs;
  for (const windows of eras.slice(1)) {
    await world.restart(windows);
    // What is moved goes by where its pane began.
    const { paneMs } = world.view.layout;
    longestMs = Math.max(longestMs, paneMs);
    readings = readings.map((each) => ({ ...each, timeMs: Math.floor(each.timeMs / paneMs) * paneMs }));
    await world.settle();
    await world.pass(HOUR_MS, MINUTE_MS);
  }
  return { world, readings, longestMs };
}

test.each(ERAS)(
  "panes become %s: hours and days are those of all readings, late ones too",
  async (_, eras) => {
    const { world, readings, longestMs } = await through(eras);
    // Of a time in which panes are longer days answer.
    const hoursMs = longestMs > HOUR_MS ? DAY_MS : HOUR_MS;
    for (const minutes of [[], [20], [2, 33, 47, 63, 77]]) {
      const late = minutes.map((minute) => reading(START_MS + minute * MINUTE_MS, 1, "m1"));
      await world.take(late);
      await world.settle();
      // One that was away, and is finer than the panes of then, takes none.
      readings.push(...late.filter((each) => world.taken.includes(each)));
      for (const [stepMs, answeredMs] of [
        [HOUR_MS, hoursMs],
        [DAY_MS, DAY_MS],
      ])
        expect(await shown(world, stepMs)).toEqual(batch(readings, answeredMs, world.view.layout.paneMs));
    }
  },
);

test("panes become coarser where those of half an hour are gone: the other half goes on, and that one stays as it was", async () => {
  const world = await HistoryWorld.open({ windows: [{ ...SECOND, latenessMs: 30 * MINUTE_MS }] });
  for (let minute = 0; minute < 70; minute++) {
    await world.take([reading(world.nowMs, minute)]);
    await world.pass(MINUTE_MS, 10_000);
  }
  await world.forgetWindows();
  await world.restart([QUARTER]);
  const late = reading(START_MS + 38 * MINUTE_MS, 1);
  for (const each of [reading(START_MS + 50 * MINUTE_MS, 1), late, reading(START_MS + 46 * MINUTE_MS, 1)]) {
    await world.take([each]);
    await world.settle();
    const told = world.taken.filter((taken) => taken !== late);
    for (const stepMs of [HOUR_MS, DAY_MS])
      expect(await shown(world, stepMs)).toEqual(batch(told, stepMs, SECOND_MS));
  }
  expect(world.taken).toHaveLength(73);
});

test.each([
  ["back", [SECOND]],
  ["shorter", [QUARTER]],
])(
  "panes become coarser and at once %s, when some are gone: no day stays as the first change had half made it",
  async (_, windows) => {
    const held = (each: WindowSpec) => ({ ...each, latenessMs: 20 * HOUR_MS });
    const readings = Array.from({ length: 70 }, (__, index) =>
      reading(START_MS + index * 30 * MINUTE_MS, index, `m${index % 2}`),
    );
    for (const turns of [0, 2, 5, 9]) {
      const world = await HistoryWorld.open({ windows: [held(SECOND)] });
      for (const each of readings) {
        world.nowMs = each.timeMs;
        await world.take([each]);
        await world.turn();
      }
      await world.settle();
      expect(world.history.seriesOf("t")[0].droppedToMs).toBeGreaterThan(START_MS + 12 * HOUR_MS);
      await world.restart([held(windowOf(6 * HOUR_MS))]);
      await world.pass(turns * 5_000);
      await world.restart(windows.map(held));
      await world.settle();
      expect([turns, await total(world, DAY_MS)]).toEqual([turns, readings.length]);
      await expectZoomsAgree(world, new SeededRandom(turns));
    }
  },
);

test.each([false, true])(
  "a start with longer panes breaks off, and they are put back: what is rolled up stays, late readings beside it (some panes gone: %s)",
  async (isSomeGone) => {
    const held = (each: WindowSpec) => ({ ...each, latenessMs: (isSomeGone ? 5 : 100) * HOUR_MS });
    const windows = [held(windowOf(HOUR_MS)), held(SECOND)];
    const world = await HistoryWorld.open({ windows });
    for (let minute = 0; minute < 480; minute += 10) {
      world.nowMs = START_MS + minute * MINUTE_MS;
      await world.take([reading(world.nowMs, minute)]);
      await world.turn();
    }
    await world.settle();
    const { droppedToMs } = world.history.seriesOf("t")[0];
    expect(droppedToMs > START_MS + HOUR_MS).toBe(isSomeGone);
    await world.breakOff(windows.slice(0, 1));
    await world.restart(windows);
    for (const minute of [345, 401]) await world.take([reading(START_MS + minute * MINUTE_MS, 1)]);
    await world.settle();
    expect(world.taken).toHaveLength(50);
    for (const stepMs of [HOUR_MS, DAY_MS])
      expect(await shown(world, stepMs)).toEqual(batch(world.taken, stepMs, MINUTE_MS));
    await expectZoomsAgree(world, new SeededRandom(1));
  },
);

test.each([false, true])(
  "panes are longer than a day for a time: late readings of before are not in the history, which stays as it was (a start broke off: %s)",
  async (isBrokenOff) => {
    // None of its panes is gone.
    const [second, week] = [SECOND, windowOf(7 * DAY_MS, { name: "week" })].map((each) => ({
      ...each,
      latenessMs: 100 * DAY_MS,
    }));
    const { world } = await through(isBrokenOff ? [[second]] : [[second], [week]]);
    if (isBrokenOff) await world.breakOff([week]);
    await world.restart([second, week]);
    const before = world.taken.slice();
    await world.take([reading(START_MS + 20 * MINUTE_MS, 1, "m1")]);
    await world.settle();
    expect(world.taken).toHaveLength(before.length + 1);
    for (const stepMs of [HOUR_MS, DAY_MS])
      expect(await shown(world, stepMs)).toEqual(batch(before, stepMs, SECOND_MS));
  },
);

test("panes become longer than a day before another change of their size is carried out: what is rolled up stays", async () => {
  const [quarter, week] = [QUARTER, windowOf(7 * DAY_MS, { name: "week" })].map((each) => ({
    ...each,
    latenessMs: 100 * DAY_MS,
  }));
  const { world } = await through([[{ ...SECOND, latenessMs: 100 * DAY_MS }]]);
  for (const windows of [[quarter], [week], [week, quarter]]) await world.restart(windows);
  await world.settle();
  for (const stepMs of [HOUR_MS, DAY_MS])
    expect(await shown(world, stepMs)).toEqual(batch(world.taken, stepMs, SECOND_MS));
});

const LATENESSES_MS = [2_000, 2 * MINUTE_MS, HOUR_MS, DAY_MS, 10 * DAY_MS];

function windowsByChance(random: SeededRandom, sizesMs: readonly number[]): WindowSpec[] {
  return Array.from({ length: random.integer(1, 3) }, (_, index) =>
    windowOf(sizesMs[random.integer(0, sizesMs.length - 1)], {
      name: `w${index}-${random.integer(0, 2)}`,
      latenessMs: LATENESSES_MS[random.integer(0, LATENESSES_MS.length - 1)],
    }),
  );
}

function readingsByChance(random: SeededRandom, nowMs: number): Reading[] {
  return Array.from({ length: random.integer(0, 4) }, () => {
    const ageMs = random.next() < 0.5 ? random.integer(0, 5_000) : random.integer(0, 60 * HOUR_MS);
    return reading(nowMs - ageMs, random.integer(-80, 80) / 8, `m${random.integer(1, 3)}`);
  });
}

async function turnByChance(random: SeededRandom, world: HistoryWorld): Promise<void> {
  const chance = random.next();
  await world.turn(chance < 0.04 ? "crash_before" : chance < 0.08 ? "crash_after" : "done");
  if (chance > 0.9) await world.pass(random.integer(1, 12) * HOUR_MS, 20 * MINUTE_MS);
  else world.nowMs += random.integer(1, 300_000);
}

test.each([UNLIMITED, { ...UNLIMITED, "1s": SHORT, "10s": SHORT, "1m": SHORT, "1h": SHORT }])(
  "windows come and go with any lateness: what is of a time whose panes were all there is in the history, nothing else, and stays",
  async (limits) => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = new SeededRandom(seed);
      const world = await HistoryWorld.open({ windows: windowsByChance(random, [SECOND_MS]), limits });
      const untold = new Set<Reading>();
      for (let turn = 1; turn <= 150; turn++) {
        const readings = readingsByChance(random, world.nowMs);
        const { sealedToMs } = world.history.seriesOf("t")[0];
        for (const each of readings)
          if (Math.floor(each.timeMs / 1_000) * 1_000 < sealedToMs) untold.add(each);
        await world.take(readings);
        await turnByChance(random, world);
        if (random.next() < 0.1) await world.restart(windowsByChance(random, [SECOND_MS]));
        if (turn % 50 > 0) continue;
        await world.settle();
        const told = world.taken.filter((each) => !untold.has(each));
        expect([seed, await shown(world, DAY_MS)]).toEqual([seed, batch(told, DAY_MS, SECOND_MS)]);
        if (limits === UNLIMITED)
          expect(await shown(world, HOUR_MS)).toEqual(batch(told, HOUR_MS, SECOND_MS));
        await expectZoomsAgree(world, random);
      }
    }
  },
);

/** Of each machine how many readings the days that are rolled up have. */
async function rolledUp(world: HistoryWorld): Promise<Record<string, number>> {
  const level = HISTORY_LEVELS[4];
  const counts: Record<string, number> = {};
  for await (const { key, value } of world.store.range(chunksBetween(level.number, -Infinity, Infinity))) {
    const { startMs, group } = chunkPlaceOf(key);
    const { size, state, fields } = decodeChunk(value, level, startMs)!.rows;
    for (let row = 0; row < size; row++) counts[group] = (counts[group] ?? 0) + state[row * fields.stride];
  }
  return counts;
}

test("panes become shorter and longer by chance: nothing that is rolled up goes, nothing counts twice, and all zooms agree", async () => {
  let claims = 0;
  const sizesMs = [1, 7, 60, 900, 1_500, 3_600, 21_600, 172_800].map((seconds) => seconds * SECOND_MS);
  for (let seed = 1; seed <= 10; seed++) {
    const random = new SeededRandom(seed);
    const pick = () => windowsByChance(random, [sizesMs[random.integer(0, sizesMs.length - 1)]]);
    const world = await HistoryWorld.open({ windows: [SECOND] });
    let before: Record<string, number> = {};
    for (let turn = 1; turn <= 150; turn++) {
      await world.take(readingsByChance(random, world.nowMs));
      await turnByChance(random, world);
      if (turn % 10 > 0) continue;
      await world.settle();
      const now = await rolledUp(world);
      for (const [group, count] of Object.entries(before))
        expect([seed, turn, now[group] >= count]).toEqual([seed, turn, true]);
      expect(await total(world, DAY_MS)).toBeLessThanOrEqual(world.taken.length);
      claims += await expectZoomsAgree(world, random);
      before = now;
      if (random.next() < 0.7) await world.restart(pick());
    }
  }
  expect(claims).toBeGreaterThan(300);
});

test("panes become shorter and longer by chance, at any time, while none of them is final: every reading counts once, at every zoom", async () => {
  const sizesMs = [1, 7, 60, 900, 1_500, 3_600, 21_600].map((seconds) => seconds * SECOND_MS);
  const held = (windows: readonly WindowSpec[]) =>
    windows.map((window) => ({ ...window, latenessMs: 100 * DAY_MS }));
  for (let seed = 1; seed <= 4; seed++) {
    const random = new SeededRandom(seed);
    const pick = () => held(windowsByChance(random, [sizesMs[random.integer(0, sizesMs.length - 1)]]));
    const world = await HistoryWorld.open({ windows: held([SECOND]) });
    for (let turn = 1; turn <= 150; turn++) {
      await world.take(readingsByChance(random, world.nowMs));
      await turnByChance(random, world);
      if (random.next() < 0.1) await world.restart(pick());
      if (turn % 30 > 0) continue;
      await world.settle();
      expect([seed, turn, await total(world, DAY_MS)]).toEqual([seed, turn, world.taken.length]);
      await expectZoomsAgree(world, random);
    }
  }
});
