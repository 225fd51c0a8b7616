// An outage longer than the outbox holds in full detail costs detail first: windows of the coarse panes' length and longer stay
// exact, whoever crashes, and finer ones that may be wrong say so.
import type { WindowResult } from "@millrace/stream";
import { expect, it } from "vitest";
import { differences, trueWindows } from "./oracle.ts";
import { type SimulatedSite, World } from "./world.ts";

const PIPELINE = `
version: 1
metrics:
  temperature:
    unit: °C
    from: { topic: "factory/{site}/{line}/{machine}/temperature", json: { value: $.temperature, time: { path: $.ts, unit: ms } } }
    accumulate: [count, sum, min, max, mean]
    live: true
windows:
  fine: { metric: temperature, size: 1s, by: [site] }
  middle: { metric: temperature, size: 10s, by: [site] }
  minute: { metric: temperature, size: 1m, by: [site] }
`;
const FRESH_SEED = Math.floor(Math.random() * 2 ** 31);

async function windowsOf(
  world: World,
  site: SimulatedSite,
  window: string,
): Promise<readonly WindowResult[]> {
  const found: WindowResult[] = [];
  for (let fromMs = 0; ;) {
    const group = { site: site.name };
    const query = { window, group, fromMs, toMs: Number.MAX_SAFE_INTEGER, limit: 1_000, cursor: null };
    const answer = world.central?.windows(query);
    if (answer === undefined) throw new Error("central is down");
    const { windows } = await world.time.during(answer);
    found.push(...windows);
    if (windows.length < 1_000) return found;
    fromMs = windows[windows.length - 1].startMs + 1;
  }
}

it.each([
  { seed: 1, bytesMax: 30_000, coarsestMs: 10_000 },
  { seed: 2, bytesMax: 24_000, coarsestMs: 60_000 },
  { seed: FRESH_SEED, bytesMax: 30_000, coarsestMs: 60_000 },
])("a cap of $bytesMax bytes, seed $seed", async ({ seed, bytesMax, coarsestMs }) => {
  const world = new World({ seed, outboxBytesMax: bytesMax, pipeline: PIPELINE });
  const [site, other] = world.sites;
  const cut = (isCut: boolean) => Object.assign(site.link.faults, { isUpCut: isCut, isDownCut: isCut });
  const restart = async () => {
    site.crash();
    await world.time.run(700);
    void site.start();
  };
  void world.startCentral();
  for (const each of world.sites) {
    void each.start();
    each.produce();
  }
  await world.time.run(60_000);
  cut(true);
  await world.time.run(420_000);
  await restart();
  await world.time.run(200_000);
  const { queuedBytes } = site.status()?.lanes["backfill"] ?? { queuedBytes: Infinity };
  expect(queuedBytes).toBeLessThanOrEqual(1.3 * bytesMax);
  cut(false);
  // In the midst of the backlog, each of them.
  await world.time.run(18_000);
  world.crashCentral();
  await world.time.run(1_000);
  void world.startCentral();
  await world.time.run(5_000);
  await restart();
  await world.time.run(60_000);
  for (const each of world.sites) each.stopProducing();
  expect(await world.time.runUntil(() => world.isDrained(), 600_000)).toBe(true);
  await world.time.run(130_000);

  const ledger = site.status()?.ledger;
  const central = world.central?.ledger().get(`${site.name}-1`);
  expect(ledger).toMatchObject({
    aggregated: site.truth.length,
    forwarded: site.truth.length,
    evicted: 0,
    damaged: 0,
  });
  expect(central).toMatchObject({ received: site.truth.length, skipped: 0 });
  expect(world.central?.alarms().map(({ rule }) => rule)).not.toContain("data_loss");

  const minutes = await windowsOf(world, site, "minute");
  expect(differences(trueWindows(site.truth, 60_000), minutes)).toEqual([]);
  for (const { state, completeness } of minutes.slice(0, -1))
    expect([state, completeness.agentsCoarse]).toEqual(["complete", undefined]);
  let coarseCount = 0;
  for (const [window, sizeMs] of [
    ["fine", 1_000],
    ["middle", 10_000],
  ] as const) {
    const truth = trueWindows(site.truth, sizeMs);
    for (const { startMs, values, completeness } of await windowsOf(world, site, window)) {
      const isRight = values["count"] === truth.get(`${site.name} ${startMs}`)?.count;
      const { agentsCoarse } = completeness;
      if (agentsCoarse !== undefined) coarseCount += 1;
      if (!isRight) expect([window, startMs, agentsCoarse]).toEqual([window, startMs, [`${site.name}-1`]]);
      if (sizeMs >= coarsestMs) expect([window, agentsCoarse]).toEqual([window, undefined]);
    }
  }
  expect(coarseCount).toBeGreaterThan(10);
  for (const window of ["fine", "middle", "minute"])
    for (const { completeness } of await windowsOf(world, other, window))
      expect(completeness.agentsCoarse).toBeUndefined();
});
