// What an agent loses never hides in a window that is called complete: the outbox too small for an outage, and damage to
// its disk, with crashes of both sides between.
import type { WindowResult } from "@millrace/stream";
import { describe, expect, it } from "vitest";
import { trueWindows, type TrueWindow } from "./oracle.ts";
import { type SimulatedSite, World } from "./world.ts";

const WINDOW_MS = 10_000;
const OUTAGE_MS = 180_000;
/** Keys at the agent (edge-agent/src/durability/agent-store.ts): the checkpoint of open panes, and the redo entries. */
const PANES_CHECKPOINT = "\u0032\u0000";
const REDO = "\u0031";

async function windowsOf(world: World, site: SimulatedSite): Promise<readonly WindowResult[]> {
  const answer = world.central?.windows({
    window: "temperature_10s",
    group: { site: site.name },
    fromMs: 0,
    toMs: Number.MAX_SAFE_INTEGER,
    limit: 1_000,
    cursor: null,
  });
  if (answer === undefined) throw new Error("central is down");
  return (await world.time.during(answer)).windows;
}

function truthOf(site: SimulatedSite): Map<number, TrueWindow> {
  const windows = [...trueWindows(site.truth, WINDOW_MS).values()];
  return new Map(windows.map((window) => [window.startMs, window]));
}

/** The redo entries of the site that no checkpoint of its panes stands after, oldest first. */
function redoToReplay(site: SimulatedSite): Uint8Array[] {
  const { entries } = site.image();
  const checkpoint: { from: number } = JSON.parse(
    new TextDecoder().decode(entries.get(PANES_CHECKPOINT) ?? new TextEncoder().encode('{"from":1}')),
  );
  return [...entries.keys()]
    .filter((key) => key.startsWith(REDO))
    .sort()
    .map((key) => Uint8Array.from(key, (character) => character.charCodeAt(0)))
    .filter((key) => Number(new DataView(key.buffer).getBigUint64(1)) >= checkpoint.from);
}

/** Runs until nothing is under way any more, and results have settled. */
async function settle(world: World): Promise<void> {
  for (const site of world.sites) site.stopProducing();
  expect(await world.time.runUntil(() => world.isDrained(), 120_000)).toBe(true);
  await world.time.run(70_000);
}

function ledgers(world: World, site: SimulatedSite) {
  const agent = site.status()?.ledger;
  const central = world.central?.ledger().get(`${site.name}-1`);
  if (agent === undefined || central === undefined) throw new Error("no ledger");
  const { aggregated, open, queued, forwarded, evicted, damaged } = agent;
  expect(aggregated).toBe(open + queued + forwarded + evicted + damaged);
  expect(aggregated).toBe(site.truth.length);
  expect(central.received).toBe(forwarded);
  expect(central.skipped).toBe(evicted + damaged);
  return agent;
}

describe("an outage longer than the outbox holds", () => {
  it.each([
    { seed: 1, crashing: "nobody" },
    { seed: 2, crashing: "agent" },
    { seed: 3, crashing: "central" },
  ])("$crashing crashes meanwhile, seed $seed", async ({ seed, crashing }) => {
    const world = new World({ seed, outboxBytesMax: 6_000 });
    const [site, other] = world.sites;
    const cut = (isCut: boolean) => Object.assign(site.link.faults, { isUpCut: isCut, isDownCut: isCut });
    void world.startCentral();
    for (const each of world.sites) {
      void each.start();
      each.produce();
    }
    await world.time.run(60_000);
    cut(true);
    await world.time.run(OUTAGE_MS / 2);
    if (crashing === "agent") {
      site.crash();
      await world.time.run(1_000);
      void site.start();
    }
    await world.time.run(OUTAGE_MS / 2);
    cut(false);
    // In the midst of the reconnection.
    await world.time.run(16_000);
    if (crashing === "central") {
      world.crashCentral();
      await world.time.run(1_000);
      void world.startCentral();
    }
    await world.time.run(60_000);
    await settle(world);

    const { evicted } = ledgers(world, site);
    expect(evicted).toBeGreaterThan(0);
    const truth = truthOf(site);
    const shown = await windowsOf(world, site);
    const whole = shown.filter(({ startMs, values }) => values["count"] === truth.get(startMs)?.count);
    const short = shown.filter((window) => !whole.includes(window));
    expect(short.length).toBeGreaterThan(0);
    for (const { state, completeness } of short)
      expect({ state, missing: completeness.agentsMissing, withLoss: completeness.agentsWithLoss }).toEqual({
        state: "provisional",
        missing: [`${site.name}-1`],
        withLoss: [`${site.name}-1`],
      });
    // Of those that lack nothing only the two at the edges of what was lost may be taken for incomplete.
    const doubted = whole.filter(({ state }) => state !== "complete");
    expect(doubted.length).toBeLessThanOrEqual(2);
    expect(whole.length).toBeGreaterThan(10);
    expect(world.central?.alarms().map(({ agent, rule }) => [agent, rule])).toContainEqual([
      `${site.name}-1`,
      "data_loss",
    ]);
    ledgers(world, other);
    expect((await windowsOf(world, other)).map(({ state }) => state)).not.toContain("provisional");
  });
});

it.each([1, 2])("redo entries are damaged while the agent is down, seed %i", async (seed) => {
  const world = new World({ seed });
  const [site] = world.sites;
  void world.startCentral();
  for (const each of world.sites) {
    void each.start();
    each.produce();
  }
  await world.time.run(60_000);
  Object.assign(site.link.faults, { isUpCut: true, isDownCut: true });
  await world.time.run(30_000);
  expect(await world.time.runUntil(() => redoToReplay(site).length > 3, 10_000)).toBe(true);
  const crashedMs = world.time.nowMs;
  site.crash();
  // Not the newest, which has the ledger: so that the number of what is lost is known.
  site.damageDisk(redoToReplay(site).slice(0, -1));
  await world.time.run(500);
  void site.start();
  Object.assign(site.link.faults, { isUpCut: false, isDownCut: false });
  await world.time.run(60_000);
  await settle(world);

  const { damaged } = ledgers(world, site);
  expect(damaged).toBeGreaterThan(0);
  const truth = truthOf(site);
  for (const { startMs, state, values, completeness } of await windowsOf(world, site)) {
    const { agentsWithLoss } = completeness;
    if (values["count"] !== truth.get(startMs)?.count) expect(agentsWithLoss).toEqual([`${site.name}-1`]);
    expect(state).toBe(agentsWithLoss === undefined ? "complete" : "provisional");
    if (startMs > crashedMs + WINDOW_MS) expect(agentsWithLoss).toBeUndefined();
  }
});
