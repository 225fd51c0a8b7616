// kill -9 under 20,000 messages a second at QoS 1: whatever was acknowledged is in the windows exactly once.
import { SeededRandom } from "@millrace/testkit";
import { expect, test } from "vitest";
import { expectTruth } from "./expect-truth.ts";
import { FastSensor } from "./fast-sensor.ts";
import { ledgerFaults } from "./ledger-faults.ts";
import { prepareOneSite } from "./one-site.ts";
import { machineMetric } from "./pipeline.ts";
import { Works } from "./works.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const killCount = Number(process.env["MILLRACE_LOAD_KILLS"] ?? (isLong ? 200 : 4));
const seed = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 1e9));
const LINES = ["l1", "l2", "l3", "l4"];
const PER_SECOND = 20_000;

const pipeline = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C") },
  windows: {
    machine_1s: { metric: "temperature", size: "1s", by: ["site", "line", "machine"] },
    site_5s: { metric: "temperature", size: "5s", by: ["site"] },
  },
};

test(
  `an agent killed ${killCount} times under ${PER_SECOND} messages a second has every acknowledged reading once`,
  { timeout: 300_000 + killCount * 30_000 },
  async () => {
    console.log(`MILLRACE_SEED=${seed} MILLRACE_LOAD_KILLS=${killCount}`);
    const random = new SeededRandom(seed, "kills under load");
    const works = new Works();
    const { central, site } = await prepareOneSite(works, pipeline);
    await Promise.all([central.start(), site.start()]);
    const sensors = LINES.map(
      (line) =>
        new FastSensor({
          works,
          port: site.brokerPort,
          site: "alpha",
          line,
          machineCount: 25,
          perSecond: PER_SECOND / LINES.length,
        }),
    );
    const count = (of: "madeCount" | "ackedCount"): number =>
      sensors.reduce((sum, sensor) => sum + sensor[of], 0);
    for (const sensor of sensors) sensor.start();
    const startedMs = performance.now();
    for (let kills = 0; kills < killCount; kills += 1) {
      await new Promise((resolve) => setTimeout(resolve, random.integer(200, 1_500)));
      await site.process.kill();
      site.process.start();
      // Now and then again while it is still starting.
      if (random.chance(0.8)) await site.ready();
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    await site.ready();
    for (const sensor of sensors) await sensor.stop();
    const outagesMs = sensors.flatMap((sensor) => sensor.outagesMs).toSorted((a, b) => a - b);
    console.log(
      `${count("madeCount")} readings, ${Math.round(count("ackedCount") / seconds)} a second; from a kill to the next acknowledgement: median ${outagesMs[outagesMs.length >> 1]?.toFixed(0)} ms, longest ${outagesMs.at(-1)?.toFixed(0)} ms`,
    );
    expect(sensors.flatMap(({ faults }) => faults)).toEqual([]);
    expect(count("ackedCount")).toBe(count("madeCount"));
    await site.delivered();
    expect(await site.process.stop()).toBe(0);
    const truth = sensors.flatMap((sensor) => [...sensor.truth()]);
    const windowCount = await expectTruth(central, truth);
    console.log(`${windowCount} windows equal the truth`);
    const ledger = site.finalLedger();
    expect(await ledgerFaults({ site, central, ledger, madeCount: truth.length })).toEqual([]);
    expect(await central.process.stop()).toBe(0);
  },
);
