// For every N, the N-th operation of the agent's disk fails, or is cut short by a power cut that loses what was not synced and
// tears what was under way: everything acknowledged reaches central once, or is told as lost.
import { expect, it } from "vitest";
import { differences, trueWindows } from "./oracle.ts";
import { type SimulatedSite, World } from "./world.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const SEED = 5;
const RESTART_MS = 300;

/** The script: links come and go, with both sites at work. What happens at operation `failing` of the disk is `fail`'s. */
async function play(failing: number, kind: "error" | "power cut"): Promise<{ world: World; count: number }> {
  const world = new World({ seed: SEED });
  const [site] = world.sites;
  const cut = (isCut: boolean) => Object.assign(site.link.faults, { isUpCut: isCut, isDownCut: isCut });
  const restart = () => {
    site.crash();
    world.time.after(RESTART_MS, start);
  };
  /** As a service manager does, where the disk fails at the very start. */
  const start = () => void site.start().catch(restart);
  let count = 0;
  world.operating = (disk) => {
    if (disk !== site.name) return;
    count += 1;
    if (count !== failing) return;
    if (kind === "error") site.failOperation(site.operationCount + 1);
    else world.time.after(1, restart);
  };
  void world.startCentral();
  void world.sites[1].start();
  start();
  for (const each of world.sites) each.produce();
  await world.time.run(4_000);
  cut(true);
  await world.time.run(9_000);
  cut(false);
  await world.time.run(4_000);
  for (const each of world.sites) each.stopProducing();
  const scripted = count;
  expect(await world.time.runUntil(() => world.isDrained(), 120_000)).toBe(true);
  await world.time.run(15_000);
  return { world, count: scripted };
}

async function expectTruth(world: World, site: SimulatedSite): Promise<void> {
  const ledger = site.status()?.ledger;
  const central = world.central?.ledger().get(`${site.name}-1`);
  expect(ledger).toMatchObject({ aggregated: site.truth.length, damaged: 0, evicted: 0 });
  expect(central).toMatchObject({ received: ledger?.forwarded, skipped: 0 });
  const group = { site: site.name };
  const query = { window: "temperature_10s", group, fromMs: 0, toMs: 2 ** 50, limit: 1_000, cursor: null };
  const answer = world.central?.windows(query);
  if (answer === undefined) throw new Error("central is down");
  const { windows } = await world.time.during(answer);
  expect(differences(trueWindows(site.truth, 10_000), windows)).toEqual([]);
}

it.each(["error", "power cut"] as const)("%s at every operation", { timeout: 600_000 }, async (kind) => {
  const step = isLong ? 1 : 12;
  let end = Number.POSITIVE_INFINITY;
  const first = 1 + Math.floor(Math.random() * step);
  for (let failing = first; failing <= end; failing += step) {
    const { world, count } = await play(failing, kind);
    if (end === Number.POSITIVE_INFINITY) end = count;
    try {
      await expectTruth(world, world.sites[0]);
    } catch (error) {
      throw new Error(`operation ${failing} of ${end}`, { cause: error });
    }
  }
  expect(end).toBeGreaterThan(50);
});
