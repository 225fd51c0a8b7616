// What is shown of windows and of the history: page by page, as it is now, and durable.
import type { WindowResult } from "@millrace/stream";
import { expect, test } from "vitest";
import { ALL, DAY_MS, HOUR_MS, start, START_MS, welcomed } from "./central-world.test-support.ts";
import type { Central } from "./central.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { ScriptedAgent } from "./scripted-agent.test-support.ts";
import { METRIC, WINDOW } from "./seconds.test-support.ts";

test("a page of windows goes on where the one before ended", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (let sequence = 1; sequence <= 7; sequence++) agent.panes(sequence, START_MS + 1_000 * sequence);
  await world.time.run(500);
  const starts: number[] = [];
  let cursor: string | null = null;
  do {
    const page = await world.central.windows({ ...ALL, group: { site: "alpha" }, limit: 3, cursor });
    starts.push(...page.windows.map((window) => window.startMs - START_MS));
    cursor = page.cursor;
  } while (cursor !== null);
  expect(starts).toEqual([1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000]);
  expect((await world.central.windows({ ...ALL, group: { site: "beta" } })).windows).toEqual([]);
  const latest = await world.central.latestWindows("t_1s");
  expect(latest.windows.map((window) => window.startMs - START_MS)).toEqual([7_000]);
  expect(latest.searchedAfterMs).toEqual({});
  expect(world.central.recentWindows().length).toBe(7);
  const again = await start(world.store, { time: world.time });
  expect(again.central.recentWindows()).toEqual(world.central.recentWindows());
});

test("a sliding window off the multiples of its size is told as it is now to whoever asks, though it is not published again", async () => {
  const sliding = { ...WINDOW, name: "t_sliding", sizeMs: 4_000, slideMs: 1_000 };
  const world = await start(undefined, { pipeline: { metrics: [METRIC], windows: [sliding] } });
  const published: WindowResult[] = [];
  world.central.subscribe(({ windows }) => published.push(...windows));
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { value: 1, frontier: { number: 1, watermarkMs: START_MS + 60_000 } });
  await world.time.run(10_000);
  published.length = 0;
  agent.panes(2, START_MS, { value: 3, frontier: { number: 2, watermarkMs: START_MS + 60_000 } });
  await world.time.run(5_000);
  // One of the four is published; all are told.
  expect(published.map(({ startMs, values }) => [startMs, values["count"]])).toEqual([[START_MS, 2]]);
  const { windows } = await world.central.windows({ ...ALL, window: "t_sliding" });
  expect(
    windows.map(({ values, revision, state }) => [values["count"], values["mean"], revision, state]),
  ).toEqual([
    [2, 2, 2, "complete"],
    [2, 2, 2, "complete"],
    [2, 2, 2, "complete"],
    [2, 2, 3, "complete"],
  ]);
  expect(windows.map(({ isOutdated, computedAtMs }) => [isOutdated, computedAtMs !== undefined])).toEqual([
    [undefined, true],
    [undefined, true],
    [undefined, true],
    [undefined, false],
  ]);
  expect((await world.central.latestWindows("t_sliding")).windows).toMatchObject([
    { startMs: START_MS, values: { count: 2 } },
  ]);
});

test("the history shows what is durable, at every zoom, through a crash", async () => {
  const day = { retainMs: 400 * DAY_MS, bytesMax: 2 ** 30 };
  const history = { "1s": day, "10s": day, "1m": day, "1h": day, "1d": day };
  const world = await start(undefined, { history });
  const query = {
    metric: "t",
    by: null,
    group: {},
    fromMs: START_MS,
    toMs: START_MS + HOUR_MS,
    maxPoints: 1_000,
  };
  const more = { values: ["count", "mean"], limit: 10, cursor: null };
  const counts = async (central: Central, stepMs: number) => {
    const page = await central.series({ ...query, ...more, stepMs });
    return "reason" in page ? page.reason : page.series.map(({ values }) => values["count"]);
  };
  const agent = new ScriptedAgent(world.central, () => world.time.nowMs);
  agent.hello();
  await world.time.run(300);
  for (let second = 0; second < 90; second++) agent.panes(second + 1, START_MS + second * 1_000);
  world.store.fate = () => "crash_before";
  agent.panes(91, START_MS + 90_000);
  await world.time.run(300);
  const shown = counts(world.central, 86_400_000);
  await world.time.run(300);
  // The commit never comes back: nobody is shown what it holds.
  expect(await Promise.race([shown, Promise.resolve("nothing yet")])).toBe("nothing yet");

  const next = await start(new CrashingStore(world.store.crash().snapshot()), { history, time: world.time });
  expect(await counts(next.central, 86_400_000)).toEqual([]);
  const again = new ScriptedAgent(next.central, () => next.time.nowMs);
  again.hello();
  await next.time.run(300);
  for (let second = 0; second < 90; second++) again.panes(second + 1, START_MS + second * 1_000);
  await next.time.run(600);
  expect(await counts(next.central, 86_400_000)).toEqual([[90]]);
  await next.time.run(480_000);
  expect(next.central.historyCounts(next.time.nowMs)).toMatchObject({ dirtyBlocks: 0, groups: 1 });
  expect(await counts(next.central, 86_400_000)).toEqual([[90]]);
  expect(await counts(next.central, 1_000)).toEqual([Array.from({ length: 90 }, () => 1)]);
  const refused = await next.central.series({ ...query, ...more, stepMs: null, by: ["machine"] });
  expect(refused).toEqual({
    reason: "unknown_labels",
    detail: "t is kept by: site; machine is none of these labels",
  });
});
