// Stores that were wiped, rolled back, cloned and restored: nothing is doubled, nothing is dropped in silence.
import { cpSync, rmSync } from "node:fs";
import { BatchQueue, type Change, LevelStore } from "@millrace/queue";
import { systemRandom } from "@millrace/runtime";
import { expect, test } from "vitest";
import { AGENT_STORE_VERSION } from "../../edge-agent/src/version.ts";
import type { TruthReading } from "../../simulator/src/truth/truth-line.ts";
import type { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { ledgerFaults } from "./ledger-faults.ts";
import { ALPHA, prepareOneSite } from "./one-site.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness, type SiteOptions } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const SPELL_MS = 1_500;

interface Line {
  readonly works: Works;
  readonly central: CentralHarness;
  readonly site: SiteHarness;
  readonly sensors: SensorPublisher;
  readonly siteOptions: SiteOptions;
}

/** Central, one site and its sensors, running; the sensors are still silent. */
async function startLine(config: SiteOptions["config"] = {}): Promise<Line> {
  const works = new Works();
  const { central, site, siteOptions } = await prepareOneSite(works, PLAIN_PIPELINE, { config });
  await Promise.all([central.start(), site.start()]);
  await central.connected(ALPHA.agent);
  return { works, central, site, sensors: sensorsOf(works, site, "m1", "m2"), siteOptions };
}

function sensorsOf(works: Works, site: SiteHarness, ...machines: string[]): SensorPublisher {
  return new SensorPublisher({ works, brokerUrl: site.brokerUrl, site: site.site, machines, seed: 1 });
}

/** Replaces a folder by a copy, or by nothing. */
function replace(folder: string, copy: string | null): void {
  rmSync(folder, { recursive: true });
  if (copy !== null) cpSync(copy, folder, { recursive: true });
}

function countOf(readings: readonly TruthReading[]): number {
  return readings.length;
}

test("a wiped agent store is a new one, and central says so", { timeout: 240_000 }, async () => {
  const { central, site, sensors } = await startLine();
  await sensors.run(SPELL_MS);
  const before = await site.delivered();
  await site.process.kill();
  replace(site.dataFolder, null);
  // The sensors go on while the gateway is away.
  sensors.start();
  await site.start();
  await until("readings after the wipe", async () => (await site.status()).ledger.aggregated > 50);
  await sensors.stop();
  const after = await site.delivered();

  expect(after.storeId).not.toBe(before.storeId);
  expect(before.ledger.forwarded + after.ledger.forwarded).toBe(countOf(sensors.truth));
  expect((await central.ledger(ALPHA.agent))?.merged).toBe(countOf(sensors.truth));
  expect(await site.process.stop()).toBe(0);
  await expectTruth(central, sensors.truth);
  expect(await central.systemAlarms(ALPHA.agent)).toContain("store_replaced");
});

test(
  "a store folder deleted under a running agent: it ends, and starts anew",
  { timeout: 240_000 },
  async () => {
    const { central, site, sensors } = await startLine();
    await sensors.run(SPELL_MS);
    const before = await site.delivered();
    rmSync(site.storePath, { recursive: true });
    sensors.start();
    expect(await site.process.exit()).toBe(1);
    expect(site.process.log).toContain("its folder was removed or replaced while the program ran");
    await site.start();
    await until("readings in the new store", async () => (await site.status()).ledger.aggregated > 50);
    await sensors.stop();
    const after = await site.delivered();

    // Nothing was acknowledged by an agent whose store was gone.
    expect(after.storeId).not.toBe(before.storeId);
    expect(before.ledger.forwarded + after.ledger.forwarded).toBe(countOf(sensors.truth));
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, sensors.truth);
    expect(await central.systemAlarms(ALPHA.agent)).toContain("store_replaced");
  },
);

test("a store rolled back to an earlier copy goes on in a new epoch", { timeout: 240_000 }, async () => {
  const { works, central, site, sensors } = await startLine();
  await sensors.run(SPELL_MS);
  expect(await site.process.stop()).toBe(0);
  cpSync(site.dataFolder, works.path("copy"), { recursive: true });
  await site.start();
  await sensors.run(SPELL_MS);
  const before = await site.delivered();
  await site.process.kill();
  replace(site.dataFolder, works.path("copy"));
  sensors.start();
  await site.start();
  await site.until("a new epoch", ({ epoch }) => epoch === before.epoch + 1);
  await sensors.stop();
  const after = await site.delivered();

  expect(after.storeId).toBe(before.storeId);
  expect(await central.systemAlarms(ALPHA.agent)).toContain("store_rolled_back");
  expect((await central.ledger(ALPHA.agent))?.merged).toBe(countOf(sensors.truth));
  expect(await site.process.stop()).toBe(0);
  await expectTruth(central, sensors.truth);
});

test(
  "a store rolled back to a copy with a backlog does not send it twice",
  { timeout: 240_000 },
  async () => {
    const { works, central, site, sensors } = await startLine();
    await sensors.run(SPELL_MS);
    await site.delivered();
    expect(await central.process.stop()).toBe(0);
    await sensors.run(SPELL_MS);
    expect(await site.process.stop()).toBe(0);
    cpSync(site.dataFolder, works.path("copy"), { recursive: true });
    await central.start();
    await site.start();
    await sensors.run(SPELL_MS);
    await site.delivered();
    await site.process.kill();
    replace(site.dataFolder, works.path("copy"));
    await site.start();
    await sensors.run(SPELL_MS);
    await site.delivered();

    expect((await central.ledger(ALPHA.agent))?.merged).toBe(countOf(sensors.truth));
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, sensors.truth);
    expect(await central.systemAlarms(ALPHA.agent)).toContain("store_rolled_back");
  },
);

test(
  "a store rolled back to what a kill left does not count its open panes twice",
  { timeout: 240_000 },
  async () => {
    const { works, central, site, sensors } = await startLine({ commit: { liveInterval: "1s" } });
    await sensors.run(SPELL_MS);
    // The last reading before the kill is in an open pane: its PUBACK comes at once, its batch with the next interval.
    const [last] = sensors.truth.slice(-1);
    if (last === undefined) throw new Error("no reading was made");
    await site.delivered();
    let { time } = last;
    await until("an open pane", async () => {
      sensors.publish({ ...last, time: (time += 1) });
      return (await site.status()).ledger.open > 0;
    });
    await site.process.kill();
    cpSync(site.dataFolder, works.path("copy"), { recursive: true });
    await site.start();
    await sensors.run(SPELL_MS);
    await site.delivered();
    await site.process.kill();
    replace(site.dataFolder, works.path("copy"));
    await site.start();
    await sensors.run(SPELL_MS);
    await site.delivered();

    expect((await central.ledger(ALPHA.agent))?.merged).toBe(countOf(sensors.truth));
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, sensors.truth);
    expect(await central.systemAlarms(ALPHA.agent)).toContain("store_rolled_back");
  },
);

test(
  "of one store cloned to two gateways the second waits, then goes on without doubling",
  { timeout: 240_000 },
  async () => {
    const { works, central, site, sensors, siteOptions } = await startLine();
    await sensors.run(SPELL_MS);
    expect(await site.process.stop()).toBe(0);
    const clone = await SiteHarness.prepare({ ...siteOptions, name: "clone" });
    cpSync(site.dataFolder, clone.dataFolder, { recursive: true });
    await site.start();
    await central.connected(ALPHA.agent);
    await clone.start();
    const cloneSensors = sensorsOf(works, clone, "m3");
    const refused = await clone.until("it is refused", ({ link }) => link.state === "refused");
    expect(refused.link.reason).toContain("store_held");
    expect(await central.systemAlarms(ALPHA.agent)).toContain("store_held");

    sensors.start();
    cloneSensors.start();
    await site.until("the first goes on", ({ ledger }) => ledger.forwarded > refused.ledger.aggregated + 50);
    await sensors.stop();
    await site.delivered();
    expect(await site.process.stop()).toBe(0);
    await clone.until("the second is taken", ({ link }) => link.state === "up");
    await cloneSensors.stop();
    await clone.delivered();
    expect(await clone.process.stop()).toBe(0);

    const truth = [...sensors.truth, ...cloneSensors.truth];
    expect((await central.ledger(ALPHA.agent))?.merged).toBe(countOf(truth));
    await expectTruth(central, truth);
  },
);

test("central restored from an older copy is sent again what it has lost", { timeout: 240_000 }, async () => {
  const { works, central, site, sensors } = await startLine();
  await sensors.run(SPELL_MS);
  await site.delivered();
  expect(await central.process.stop()).toBe(0);
  cpSync(central.dataFolder, works.path("copy"), { recursive: true });
  await central.start();
  await sensors.run(SPELL_MS);
  await site.delivered();
  sensors.start();
  await central.process.kill();
  replace(central.dataFolder, works.path("copy"));
  await central.start();
  await central.connected(ALPHA.agent);
  await sensors.stop();
  await site.delivered();

  expect(await site.process.stop()).toBe(0);
  await expectTruth(central, sensors.truth);
  const options = { site, central, ledger: site.finalLedger(), madeCount: countOf(sensors.truth) };
  expect(await ledgerFaults(options)).toEqual([]);
  expect(await central.systemAlarms(ALPHA.agent)).not.toContain("sequence_gap");
});

test(
  "what the agent no longer keeps for a restored central is a gap with an alarm",
  { timeout: 240_000 },
  async () => {
    const { works, central, site, sensors } = await startLine();
    expect(await central.process.stop()).toBe(0);
    cpSync(central.dataFolder, works.path("copy"), { recursive: true });
    await central.start();
    await central.connected(ALPHA.agent);
    await sensors.run(SPELL_MS);
    const lost = await site.delivered();
    const lostCount = countOf(sensors.truth);
    expect(await site.process.stop()).toBe(0);
    await trimAcknowledged(site);
    await central.process.kill();
    replace(central.dataFolder, works.path("copy"));
    await central.start();
    await site.start();
    await central.connected(ALPHA.agent);
    await sensors.run(SPELL_MS);
    const { ledger } = await site.delivered();

    const gap = (await central.alarms()).find(({ rule }) => rule === "sequence_gap");
    expect(gap).toMatchObject({ agent: ALPHA.agent, isActive: true, value: lost.lanes["live"]?.acked });
    // What is missing at central is exactly what the agent had forwarded to the lost state.
    expect(ledger.forwarded - ((await central.ledger(ALPHA.agent))?.merged ?? 0)).toBe(lostCount);
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, sensors.truth.slice(lostCount));
  },
);

/** What a stopped agent's store becomes when it no longer retains what central has acknowledged. */
async function trimAcknowledged(site: SiteHarness): Promise<void> {
  const store = await LevelStore.open({
    path: site.storePath,
    kind: "agent",
    version: AGENT_STORE_VERSION,
    pid: process.pid,
  });
  const queue = await BatchQueue.open(store, { random: systemRandom });
  const changes: Change[] = [];
  const laterMs = Date.now() + 120_000;
  queue.trim(changes, { nowMs: laterMs, retainAckedMs: 0, bytesMax: Number.MAX_SAFE_INTEGER });
  await store.commit(changes, { isSync: true });
  await store.close();
}
