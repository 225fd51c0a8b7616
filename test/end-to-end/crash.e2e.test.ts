// Real processes, real LevelDB, real sockets: whatever is killed and cut, central ends with exactly the sensors' truth.
import { SeededRandom, TcpProxy } from "@millrace/testkit";
import { expect, test } from "vitest";
import { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { ledgerFaults } from "./ledger-faults.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness } from "./site-harness.ts";
import { Works } from "./works.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const killCount = Number(process.env["MILLRACE_KILLS"] ?? (isLong ? 150 : 30));
const seed = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 1e9));

const agents = [
  { agent: "alpha-1", site: "alpha" },
  { agent: "beta-1", site: "beta" },
] as const;
const machines = ["m1", "m2", "m3", "m4", "m5", "m6"];
/** Longer than the agent takes to find a half-open link. */
const LONG_HANG_MS = 6_500;

test(
  `agents and central survive ${killCount} kills over a bad link`,
  { timeout: 300_000 + killCount * 12_000 },
  async () => {
    console.log(`MILLRACE_SEED=${seed} MILLRACE_KILLS=${killCount}`);
    const random = new SeededRandom(seed, "crash");
    const works = new Works();
    const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
    const central = await CentralHarness.prepare({ works, pipelinePath, agents });
    const sites: { site: SiteHarness; link: TcpProxy; sensors: SensorPublisher }[] = [];
    for (const each of agents) {
      const link = await TcpProxy.start({ host: "127.0.0.1", port: central.intakePort });
      works.atEnd(() => link.stop());
      const site = await SiteHarness.prepare({ works, ...each, pipelinePath, uplinkPort: link.port });
      const sensors = new SensorPublisher({
        works,
        brokerUrl: site.brokerUrl,
        site: each.site,
        machines,
        seed,
        lateShare: 0.05,
        twiceShare: 0.02,
      });
      sites.push({ site, link, sensors });
    }
    await Promise.all([central.start(), ...sites.map(({ site }) => site.start())]);
    for (const { sensors } of sites) sensors.start();

    const chaos = new AbortController();
    const links = sites.map(({ link }, index) =>
      disturb(link, new SeededRandom(seed, `link ${index}`), {
        isLongHang: index === 0,
        signal: chaos.signal,
      }),
    );
    const watched = sites.map(({ site }) => watchLedger(site, chaos.signal));
    const victims = [central, ...sites.map(({ site }) => site)];
    for (let kills = 0; kills < killCount;) {
      await pause(random.integer(100, 900));
      // Sometimes two at once; sometimes again while they are still starting.
      const [first, second] = shuffled(victims, random);
      const chosen = random.chance(0.15) ? [first, second] : [first];
      await Promise.all(chosen.map((each) => each.process.kill()));
      kills += chosen.length;
      await pause(random.chance(0.3) ? random.integer(0, 700) : 0);
      for (const each of chosen) each.process.start();
      if (random.chance(0.8)) await Promise.all(chosen.map((each) => each.ready()));
    }
    chaos.abort();
    await Promise.all(links);
    const sightings = await Promise.all(watched);
    expect(sightings.flatMap(({ faults }) => faults)).toEqual([]);
    for (const { count } of sightings) expect(count).toBeGreaterThan(killCount);
    await Promise.all(victims.map((each) => each.ready()));
    await Promise.all(sites.map(({ sensors }) => sensors.stop()));

    // Healed: everything drains and ends in order.
    for (const { site } of sites) await site.until("the link is up", ({ link }) => link.state === "up");
    for (const { site } of sites) expect(await site.process.stop()).toBe(0);
    const truth = sites.flatMap(({ sensors }) => sensors.truth);
    const windowCount = await expectTruth(central, truth);
    console.log(`${truth.length} readings, ${windowCount} windows, ${killCount} kills`);
    for (const { site, sensors } of sites) {
      const faults = await ledgerFaults({
        site,
        central,
        ledger: site.finalLedger(),
        madeCount: sensors.truth.length,
      });
      expect(faults).toEqual([]);
    }
    expect((await central.alarms()).filter(({ rule }) => rule !== "agent_silent")).toEqual([]);
    expect(await central.process.stop()).toBe(0);
  },
);

/** Looks at the agent's ledger while it works and dies, as often as it answers; what did not add up, in words. */
async function watchLedger(
  site: SiteHarness,
  signal: AbortSignal,
): Promise<{ count: number; faults: string[] }> {
  const faults: string[] = [];
  let count = 0;
  for (; !signal.aborted; await pause(50)) {
    const ledger = (await site.status().catch(() => undefined))?.ledger;
    if (ledger === undefined) continue;
    count += 1;
    const { received, aggregated, ruleOnly, duplicate, held, open, queued, forwarded, evicted, damaged } =
      ledger;
    const rejected = Object.values(ledger.rejected).reduce((sum, each) => sum + each, 0);
    const isWhole =
      received === aggregated + ruleOnly + duplicate + rejected + held &&
      aggregated === open + queued + forwarded + evicted + damaged;
    if (!isWhole) faults.push(`${site.agent}: ${JSON.stringify(ledger)}`);
  }
  return { count, faults };
}

/** Cuts, hangs and delays a link until it is told to stop; then it is open again. */
async function disturb(
  link: TcpProxy,
  random: SeededRandom,
  { isLongHang, signal }: { readonly isLongHang: boolean; readonly signal: AbortSignal },
): Promise<void> {
  let mustHangLong = isLongHang;
  while (!signal.aborted || mustHangLong) {
    await pause(random.integer(300, 2_500));
    if (random.chance(0.4)) {
      link.setDelay(random.integer(5, 200));
      continue;
    }
    link.setDelay(0);
    const isHang = mustHangLong || random.chance(0.5);
    link.setMode(isHang ? "hung" : "cut");
    await pause(mustHangLong ? LONG_HANG_MS : random.integer(100, 1_500));
    mustHangLong = mustHangLong && !isHang;
    link.setMode("open");
  }
  link.setDelay(0);
}

function shuffled<Item>(items: readonly Item[], random: SeededRandom): Item[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
