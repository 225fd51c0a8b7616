// An agent that reads from a site's real Mosquitto: kill -9 loses nothing, nor does a restart of the broker,
// nor (in the long run) a link that falls silent.
import { SeededRandom, TcpProxy } from "@millrace/testkit";
import { expect, test } from "vitest";
import { expectTruth } from "./expect-truth.ts";
import { FastSensor } from "./fast-sensor.ts";
import { ledgerFaults } from "./ledger-faults.ts";
import { prepareOneSite } from "./one-site.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SiteMosquitto } from "./site-mosquitto.ts";
import { Works } from "./works.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const killCount = isLong ? 50 : 2;
const seed = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 1e9));
const PER_SECOND = isLong ? 20_000 : 5_000;

test.skipIf(SiteMosquitto.program === undefined)(
  "killed, and its broker restarted: every reading that Mosquitto took is in the windows once",
  { timeout: 300_000 + killCount * 30_000 },
  async () => {
    console.log(`MILLRACE_SEED=${seed}`);
    const random = new SeededRandom(seed, "behind mosquitto");
    const works = new Works();
    const broker = await SiteMosquitto.start(works);
    const link = await TcpProxy.start({ host: "127.0.0.1", port: broker.port });
    works.atEnd(() => link.stop());
    const { central, site } = await prepareOneSite(works, PLAIN_PIPELINE, {
      config: { inputs: { mqtt: { url: `mqtt://127.0.0.1:${link.port}`, clientId: "millrace-alpha-1" } } },
    });
    await Promise.all([central.start(), site.start()]);
    const sensor = new FastSensor({
      works,
      port: broker.port,
      site: "alpha",
      line: "1",
      machineCount: 10,
      perSecond: PER_SECOND,
    });
    sensor.start();
    for (let kills = 0; kills < killCount; kills += 1) {
      await new Promise((resolve) => setTimeout(resolve, random.integer(200, 1_500)));
      await site.process.kill();
      site.process.start();
      if (random.chance(0.8)) await site.ready();
    }
    await site.ready();

    await broker.stop();
    await site.until("the loss of its broker is seen", ({ inputs }) => !inputs[0].isConnected);
    await broker.start();
    await site.until("it has subscribed again", ({ inputs }) => inputs[0].isConnected);

    // One and a half times its keep-alive of 10 s.
    if (isLong) {
      link.setMode("hung");
      await site.until("a silent link is given up", ({ inputs }) => !inputs[0].isConnected, 40_000);
      link.setMode("open");
    }

    await sensor.stop();
    const made = sensor.madeCount;
    await site.until("all is read", ({ ledger }) => ledger.aggregated >= made, 60_000);
    const { inputs } = await site.delivered();
    console.log(`${made} readings, ${killCount} kills; ${JSON.stringify(inputs[0].counts)}`);
    expect(await site.process.stop()).toBe(0);
    const truth = [...sensor.truth()];
    await expectTruth(central, truth);
    const ledger = site.finalLedger();
    expect(await ledgerFaults({ site, central, ledger, madeCount: made })).toEqual([]);
  },
);
