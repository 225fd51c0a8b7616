// Uplinks by a broker of others, a real Mosquitto whose rights are those of the documentation: whoever is killed, nothing is
// lost or doubled (nor, in the long run, by a link that falls silent), an agent may say nothing in another's name, and what central had not held when it died comes to it again.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@millrace/runtime";
import { TcpProxy } from "@millrace/testkit";
import { connectAsync } from "mqtt";
import { expect, test } from "vitest";
import { BrokerIntake } from "../../central/src/intake/broker-intake.ts";
import type { IntakeTarget } from "../../central/src/intake/mqtt-intake.ts";
import { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { ledgerFaults } from "./ledger-faults.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness } from "./site-harness.ts";
import { SiteMosquitto } from "./site-mosquitto.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const USERS = ["central", "alpha-1", "beta-1"];
const AGENTS = [
  { agent: "alpha-1", site: "alpha" },
  { agent: "beta-1", site: "beta" },
];

/** With the rights that docs/operations.md gives for it. */
function startBroker(works: Works): Promise<SiteMosquitto> {
  const operations = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8");
  const rights = /```text\n(# mosquitto\.acl\n[^`]*)```/.exec(operations)?.[1] ?? "";
  expect(rights).toContain("pattern write");
  const passwords = works.write("mosquitto.passwords", "");
  for (const user of USERS)
    execFileSync("mosquitto_passwd", ["-b", passwords, user, `password of ${user}`], { stdio: "ignore" });
  return SiteMosquitto.start(works, [
    "allow_anonymous false",
    `password_file ${passwords}`,
    `acl_file ${works.write("mosquitto.acl", rights)}`,
  ]);
}

test.skipIf(SiteMosquitto.program === undefined)(
  "through kill -9 of central and of the broker every window equals the truth, and nobody speaks in another's name",
  { timeout: 120_000 },
  async () => {
    const works = new Works();
    const broker = await startBroker(works);
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const link = await TcpProxy.start({ host: "127.0.0.1", port: broker.port });
    works.atEnd(() => link.stop());
    const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
    const central = await CentralHarness.prepare({
      works,
      pipelinePath,
      agents: AGENTS,
      intake: {
        broker: {
          url: `mqtt://127.0.0.1:${link.port}`,
          username: "central",
          password: "password of central",
        },
      },
    });
    const sites = await Promise.all(
      AGENTS.map((each) => SiteHarness.prepare({ works, pipelinePath, uplinkPort: broker.port, ...each })),
    );
    await Promise.all([central.start(), ...sites.map((site) => site.start())]);
    await Promise.all(AGENTS.map(({ agent }) => central.connected(agent)));
    const sensors = sites.map(
      ({ site, brokerUrl }, index) =>
        new SensorPublisher({ works, brokerUrl, site, machines: ["m1"], seed: index, lateShare: 0.05 }),
    );
    for (const each of sensors) each.start();
    const further = (count: number) => {
      const from = sensors[0].truth.length;
      return until("further readings are made", () => sensors[0].truth.length - from >= count, 30_000);
    };
    await further(30);
    await central.process.kill();
    await further(10);
    await central.start();
    await further(30);
    await broker.kill();
    await further(10);
    await broker.start();
    await further(30);

    // One and a half times its keep-alive of 10 s.
    if (isLong) {
      link.setMode("hung");
      const isUp = async () => /^millrace_central_broker_up 1$/m.test(await central.metrics());
      await until("a silent link to the broker is given up", async () => !(await isUp()), 40_000);
      link.setMode("open");
      await until("it is up again", isUp);
      await further(30);
    }

    // Whoever has beta's password may still say nothing as alpha, or hear what is said to it.
    await Promise.all(AGENTS.map(({ agent }) => central.connected(agent)));
    const impostor = await connectAsync(url, { username: "beta-1", password: "password of beta-1" });
    const rejectedBefore = (await central.ledger("alpha-1"))?.rejected;
    await impostor.publishAsync("millrace/v1/alpha-1/hello", "junk", { qos: 1 });
    await impostor.publishAsync("millrace/v1/beta-1/batch", "junk", { qos: 1 });
    await until(
      "its own is heard",
      // A broker may bring it twice.
      async () => Number((await central.ledger("beta-1"))?.rejected.malformed_batch) >= 1,
    );
    expect((await central.ledger("alpha-1"))?.rejected).toEqual(rejectedBefore);
    await impostor.endAsync();
    await expect(connectAsync(url, { username: "alpha-1", password: "wrong" })).rejects.toThrow();

    for (const each of sensors) await each.stop();
    for (const site of sites) await site.delivered(60_000);
    const windowCount = await expectTruth(
      central,
      sensors.flatMap(({ truth }) => truth),
      60_000,
    );
    console.log(`${windowCount} windows`);
    for (const site of sites) expect(await site.process.stop()).toBe(0);
    const [alpha] = sites;
    const [ledger, madeCount] = [alpha.finalLedger(), sensors[0].truth.length];
    expect(await ledgerFaults({ site: alpha, central, ledger, madeCount })).toEqual([]);
    expect(await central.process.stop()).toBe(0);
  },
);

test.skipIf(SiteMosquitto.program === undefined)(
  "what is published with QoS 1 is acknowledged once it is held: what was not comes again, in order",
  { timeout: 60_000 },
  async () => {
    const works = new Works();
    const broker = await startBroker(works);
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const heard: string[] = [];
    const settle: (() => void)[] = [];
    const target: IntakeTarget = {
      onOpen: () => {},
      onClose: () => {},
      onMessage: (_connection, _topic, payload, settled) => {
        heard.push(Buffer.from(payload).toString());
        if (settled !== undefined) settle.push(settled);
      },
    };
    const open = () => {
      const config = { url, group: "g", clientId: "central", ca: null, cert: null, key: null };
      const intake = new BrokerIntake({
        broker: { ...config, username: "central", password: "password of central" },
        identities: [{ id: "alpha-1" }],
        target,
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
      });
      works.atEnd(() => intake.close());
      intake.start();
      return intake;
    };
    const first = open();
    await until("it is connected", () => first.view.isConnected);
    const alpha = await connectAsync(url, { username: "alpha-1", password: "password of alpha-1" });
    for (const text of ["one", "two", "three"])
      await alpha.publishAsync("millrace/v1/alpha-1/hello", text, { qos: 1 });
    await until("all are heard", () => heard.length === 3);
    // The second is held, the first is not yet: no acknowledgement leaves before its turn.
    settle[1]();
    await first.close();
    const second = open();
    await until("all come again", () => heard.length === 6);
    expect(heard.slice(3)).toEqual(["one", "two", "three"]);
    for (const settled of settle.splice(0)) settled();
    await alpha.publishAsync("millrace/v1/alpha-1/hello", "four", { qos: 1 });
    await until("the fourth is heard", () => heard.length === 7);
    await second.close();
    const third = open();
    await until("the fourth comes again, and nothing else", () => heard.length === 8);
    expect(heard.at(-1)).toBe("four");
    await third.close();
    await alpha.endAsync();
  },
);
