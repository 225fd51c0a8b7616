// Shows what is told of the time before panes became finer: levels that they did not fill claim nothing of it, and coarser ones
// answer.
import { expect, test } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS, reading, SECOND_MS, windowOf } from "./history-batch.test-support.ts";
import { HistoryWorld, START_MS, UNLIMITED } from "./history-world.test-support.ts";
import type { SeriesQuery } from "./series-page.ts";

const MINUTE = windowOf(MINUTE_MS);
const SLIDING = windowOf(MINUTE_MS, { name: "sliding", slideMs: 10 * SECOND_MS });
const OTHER = windowOf(SECOND_MS, { name: "other", metric: "other" });

/** Level, readings, and from when on it is kept. */
async function answer(world: HistoryWorld, query: Partial<SeriesQuery>) {
  const { level, series, keptFromMs } = await world.page({ toMs: START_MS + 3 * HOUR_MS, ...query });
  const counts = series.flatMap(({ values }) => values["count"]);
  return [level, counts.reduce((sum: number, count) => sum + (count ?? 0), 0), keptFromMs];
}

/** A reading every ten seconds. */
async function pass(world: HistoryWorld, durationMs: number): Promise<void> {
  for (const endMs = world.nowMs + durationMs; world.nowMs < endMs;) {
    await world.take([reading(world.nowMs, 1)]);
    world.nowMs += 10 * SECOND_MS;
    await world.turn();
  }
}

test("a window is added that makes panes finer: what was before stays in sight at every zoom", async () => {
  const world = await HistoryWorld.open({ windows: [MINUTE] });
  await pass(world, HOUR_MS);
  await world.settle();
  const { rolledToMs } = world.history.seriesOf("t")[0];
  await world.restart([MINUTE, SLIDING]);
  for (const count of [360, 720, 720]) {
    const all = { fromMs: START_MS, toMs: START_MS + 3 * HOUR_MS };
    for (const stepMs of [SECOND_MS, 10 * SECOND_MS, 30 * SECOND_MS, MINUTE_MS, null])
      expect(await answer(world, { ...all, stepMs })).toEqual(["1m", count, null]);
    expect(await answer(world, { ...all, stepMs: HOUR_MS })).toEqual(["1h", count, null]);
    const fine = { fromMs: rolledToMs, stepMs: 10 * SECOND_MS };
    expect(await answer(world, fine)).toEqual(["10s", count - 360, rolledToMs]);
    const { series } = await world.page({ ...fine, toMs: rolledToMs + 2 * HOUR_MS });
    expect(series[0]?.startMs.length ?? 0).toBe(count - 360);
    if (count === 360) await pass(world, HOUR_MS);
    else await world.restart();
    await world.settle();
  }
});

test.each([10 * SECOND_MS, MINUTE_MS])(
  "panes that were longer and are not rolled up yet get shorter, to %i ms: finer levels begin where the last of them ends",
  async (paneMs) => {
    const quarter = windowOf(15 * MINUTE_MS);
    const world = await HistoryWorld.open({ windows: [quarter] });
    await pass(world, 20 * MINUTE_MS);
    expect(world.history.seriesOf("t")[0].rolledToMs).toBe(-Infinity);
    const endMs = START_MS + 30 * MINUTE_MS;
    await world.restart([quarter, windowOf(paneMs, { name: "fine" })]);
    await pass(world, 20 * MINUTE_MS);
    for (const state of ["not rolled up", "not rolled up, started", "rolled up", "started"]) {
      for (const stepMs of [SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS])
        expect(await answer(world, { fromMs: START_MS, stepMs }), state).toEqual(["1h", 240, null]);
      const level = paneMs === MINUTE_MS ? "1m" : "10s";
      expect(await answer(world, { fromMs: endMs, stepMs: paneMs }), state).toEqual([level, 60, endMs]);
      if (state === "not rolled up, started") await world.pass(2 * HOUR_MS, MINUTE_MS);
      else await world.restart();
    }
  },
);

test("what is of the time of panes of more than a day is in no bucket once they are shorter; what is of a time behind the last is", async () => {
  const week = windowOf(7 * DAY_MS);
  const world = await HistoryWorld.open({ windows: [week] });
  await pass(world, 20 * MINUTE_MS);
  await world.restart([week, { ...MINUTE, name: "minute" }]);
  await pass(world, 5 * MINUTE_MS);
  world.nowMs = (Math.floor(START_MS / (7 * DAY_MS)) + 1) * 7 * DAY_MS;
  await pass(world, 20 * MINUTE_MS);
  const weeks = { fromMs: START_MS - 14 * DAY_MS, toMs: START_MS + 14 * DAY_MS };
  for (const state of ["not rolled up", "not rolled up, started", "rolled up", "started"]) {
    for (const stepMs of [HOUR_MS, DAY_MS])
      expect((await answer(world, { ...weeks, stepMs }))[1], state).toBe(120);
    if (state === "not rolled up, started") await world.pass(2 * HOUR_MS, MINUTE_MS);
    else await world.restart();
  }
});

test("panes become coarser and finer again: a level that lacks late readings of the time between does not claim it", async () => {
  const fine = windowOf(10 * SECOND_MS);
  const world = await HistoryWorld.open({ windows: [fine] });
  await pass(world, HOUR_MS);
  await world.settle();
  await world.restart([MINUTE]);
  await world.take([reading(START_MS + 9 * SECOND_MS, 1)]);
  await world.settle();
  await world.restart([fine]);
  for (const stepMs of [10 * SECOND_MS, MINUTE_MS])
    expect(await answer(world, { fromMs: START_MS, stepMs })).toEqual(["1m", 361, null]);
});

test("a level that windows did not fill before they went is not asked", async () => {
  const quarter = windowOf(15 * MINUTE_MS);
  const world = await HistoryWorld.open({ windows: [quarter, OTHER] });
  await pass(world, HOUR_MS);
  await world.settle();
  for (const windows of [[OTHER], [windowOf(7 * DAY_MS), OTHER], [OTHER], [windowOf(SECOND_MS), OTHER]]) {
    await world.restart(windows);
    for (const stepMs of [SECOND_MS, MINUTE_MS, HOUR_MS])
      expect(await answer(world, { fromMs: START_MS, stepMs })).toEqual(["1h", 360, null]);
  }
});

test("a level that reaches back furthest, though not far enough, shows nothing of before", async () => {
  const short = { retainMs: HOUR_MS, bytesMax: 2 ** 40 };
  const limits = { ...UNLIMITED, "1m": short, "1h": short, "1d": short };
  const world = await HistoryWorld.open({ windows: [{ ...MINUTE, latenessMs: HOUR_MS }], limits });
  await world.take([reading(START_MS, 1), reading(START_MS + 10 * MINUTE_MS, 1)]);
  await world.settle();
  const { rolledToMs } = world.history.seriesOf("t")[0];
  await world.restart([{ ...SLIDING, latenessMs: HOUR_MS }]);
  await world.take([reading(rolledToMs - SECOND_MS, 1), reading(rolledToMs, 1)]);
  await world.settle();
  const fine = { fromMs: START_MS, toMs: rolledToMs + MINUTE_MS, stepMs: 10 * SECOND_MS };
  expect(await answer(world, fine)).toEqual(["1m", 4, null]);
  await world.pass(40 * DAY_MS, 12 * HOUR_MS);
  await world.take([reading(world.nowMs, 1)]);
  await world.settle();
  await world.pass(DAY_MS, 12 * HOUR_MS);
  expect(await answer(world, fine)).toEqual(["10s", 1, rolledToMs]);
});
