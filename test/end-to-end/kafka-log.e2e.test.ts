// Kafka as central's log: what agents send through central, and what one writes there itself, ends in the same windows,
// whoever is killed, and again in an empty central.
import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { ledgerFaults } from "./ledger-faults.ts";
import { startOneKafka } from "./one-kafka.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness } from "./site-harness.ts";
import { createTopic, topicRecords } from "./topic-records.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const TOPIC = "millrace.panes.v1";
const PARTITIONS = 4;
const ALPHA = { agent: "alpha-1", site: "alpha" } as const;
const PIPELINE = {
  ...PLAIN_PIPELINE,
  windows: { ...PLAIN_PIPELINE.windows, of_all: { metric: "temperature", size: "2s", by: [] } },
};
const BETA = { agent: "beta-1", site: "beta" } as const;

test(
  "through kill -9 of central, agents and broker every window equals the truth, and again in a central that begins anew",
  { timeout: 240_000 },
  async (context) => {
    const works = new Works();
    const server = await startOneKafka(works);
    if (server === undefined) return context.skip("needs Java, Maven and the Kafka jars");
    await createTopic(server.address, TOPIC, PARTITIONS);
    const pipelinePath = works.write("pipeline.yaml", PIPELINE);
    const central = await CentralHarness.prepare({
      works,
      pipelinePath,
      agents: [ALPHA, BETA],
      intake: { kafka: { brokers: [server.address] } },
    });
    const common = { works, pipelinePath, uplinkPort: central.intakePort };
    const alpha = await SiteHarness.prepare({ ...common, ...ALPHA });
    // It writes to the topic itself, and asks nobody.
    const uplink = { kafka: { brokers: [server.address] } };
    const beta = await SiteHarness.prepare({ ...common, ...BETA, config: { uplink } });
    const sites = [alpha, beta];
    await Promise.all([central.start(), ...sites.map((site) => site.start())]);
    const sensors = sites.map(
      ({ site, brokerUrl }, index) =>
        new SensorPublisher({ works, brokerUrl, site, machines: ["m1", "m2"], seed: index, lateShare: 0.05 }),
    );
    for (const each of sensors) each.start();
    const made = () => sensors.reduce((sum, { truth }) => sum + truth.length, 0);
    const further = (count: number) => {
      const from = made();
      return until("further readings are made", () => made() - from >= count, 30_000);
    };

    await until("both are seen", async () => {
      const states = [(await central.agent("alpha-1"))?.state, (await central.agent("beta-1"))?.state];
      return states.every((state) => state === "connected");
    });
    const bothFromMs = Date.now();
    await further(100);
    await central.process.kill();
    await central.start();
    await further(40);
    await Promise.all([server.kill(), central.process.kill()]);
    central.process.start();
    await further(40);
    await Promise.all([server.start(), alpha.process.kill(), beta.process.kill()]);
    await Promise.all([alpha.start(), beta.start(), central.ready()]);
    await further(80);
    for (const each of sensors) await each.stop();
    for (const site of sites) await site.delivered(60_000);
    const truth = sensors.flatMap((each) => each.truth);
    const windowCount = await expectTruth(central, truth, 60_000);
    expect(await central.systemAlarms("")).toEqual([]);
    for (const site of sites) expect(await site.process.stop()).toBe(0);
    for (const [index, site] of sites.entries()) {
      const [ledger, madeCount] = [site.finalLedger(), sensors[index].truth.length];
      expect(await ledgerFaults({ site, central, ledger, madeCount })).toEqual([]);
    }

    const records = await topicRecords(server.address, TOPIC);
    expect(new Set(records.map(({ key }) => key))).toEqual(new Set(["alpha", "beta"]));
    expect(new Set(records.map(({ headers }) => "session" in headers && headers["agent"]))).toEqual(
      new Set(["alpha-1", false]),
    );
    console.log(`${windowCount} windows, ${records.length} records`);

    // A central whose disk is gone has the same windows again.
    expect(await central.process.stop()).toBe(0);
    rmSync(central.dataFolder, { recursive: true });
    await central.start();
    expect(await expectTruth(central, truth, 60_000)).toBe(windowCount);
    // None was complete with the site that was read first.
    const complete = (await central.windows("of_all", bothFromMs)).filter(
      ({ state }) => state === "complete",
    );
    expect(new Set(complete.map(({ completeness }) => completeness.agentsExpected))).toEqual(new Set([2]));

    expect(await central.process.stop()).toBe(0);
  },
);
