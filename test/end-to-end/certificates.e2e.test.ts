// Certificates, and the authority itself, are changed while readings come: nothing restarts, and no reading is lost or doubled.
// Those of an uplink that cannot be used at a start cost the link, and nothing else.
import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { connect } from "node:tls";
import { TcpProxy, TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, test } from "vitest";
import { issueAgent, issueServer, makeAuthority } from "../../central/src/enrolment/certificates.ts";
import { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { ledgerFaults } from "./ledger-faults.ts";
import { ALPHA } from "./one-site.ts";
import { machineMetric } from "./pipeline.ts";
import { RawMqtt } from "./raw-mqtt.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const pipeline = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C") },
  windows: { machine_1s: { metric: "temperature", size: "1s", by: ["site", "line", "machine"] } },
};
const ROUNDS = 2;

test(
  `certificates of central and agent, and their authority, are changed ${ROUNDS} times under load: no restart, no reading lost`,
  { timeout: 300_000 },
  async () => {
    const works = new Works();
    const write = (name: string, text: string) => {
      const path = works.path(name);
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
      return path;
    };
    const newAuthority = () => makeAuthority("plant", { fromMs: Date.now(), days: 1 });
    const newServer = (from: typeof authority) =>
      issueServer(from, ["127.0.0.1", "localhost"], { fromMs: Date.now(), days: 1 });
    const newAgent = (from: typeof authority) =>
      issueAgent(from, ALPHA.agent, { fromMs: Date.now(), days: 1 });
    let authority = await newAuthority();
    let [server, agent] = await Promise.all([newServer(authority), newAgent(authority)]);
    const tls = {
      cert: write("central.crt", server.cert),
      key: write("central.key", server.key),
      ca: write("agents-ca.crt", authority.cert),
    };
    const intake = await works.freePort();
    const pipelinePath = works.write("pipeline.yaml", pipeline);
    const central = await CentralHarness.prepare({
      works,
      pipelinePath,
      agents: [ALPHA],
      config: {
        intake: { mqtt: { port: intake, tls } },
        agents: [{ id: ALPHA.agent, site: ALPHA.site }],
      },
    });
    const proxy = await TcpProxy.start({ host: "127.0.0.1", port: intake });
    works.atEnd(() => proxy.stop());
    const site = await SiteHarness.prepare({
      works,
      ...ALPHA,
      pipelinePath,
      uplinkPort: proxy.port,
      config: {
        uplink: {
          url: `mqtts://127.0.0.1:${proxy.port}`,
          ca: write("ca.crt", authority.cert),
          cert: write("uplink.crt", agent.cert),
          key: write("uplink.key", agent.key),
        },
      },
    });
    await Promise.all([central.start(), site.start()]);
    await central.connected(ALPHA.agent);
    const sensors = new SensorPublisher({
      works,
      brokerUrl: site.brokerUrl,
      site: ALPHA.site,
      machines: ["m1", "m2", "m3", "m4"],
      seed: 7,
      ratePerMachine: 50,
    });
    sensors.start();
    let renewedCount = 0;
    const centralTook = async (what: string) => {
      renewedCount += 1;
      await until(what, () => central.process.log.split("certificates were renewed").length > renewedCount);
    };
    const reconnect = async () => {
      proxy.setMode("cut");
      await site.until("the link is down", ({ link }) => link.state !== "up");
      proxy.setMode("open");
      await site.until("the link is up", ({ link }) => link.state === "up");
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = { authority, agent };
      authority = await newAuthority();
      [server, agent] = await Promise.all([newServer(authority), newAgent(authority)]);
      // Both authorities are trusted while the certificates change.
      write("agents-ca.crt", `${before.authority.cert}${authority.cert}`);
      write("ca.crt", `${before.authority.cert}${authority.cert}`);
      await centralTook("central trusts both authorities");
      await reconnect();
      write("central.key", server.key);
      write("central.crt", server.cert);
      write("uplink.crt", agent.cert);
      write("uplink.key", agent.key);
      await centralTook("central shows its new certificate");
      await reconnect();
      write("agents-ca.crt", authority.cert);
      write("ca.crt", authority.cert);
      process.kill(central.process.pid ?? 0, "SIGHUP");
      await centralTook("central trusts the new authority alone");
      await reconnect();
      const old = connect({ host: "127.0.0.1", port: intake, ca: authority.cert, ...before.agent });
      old.on("error", () => {}).resume();
      await once(old, "close");
    }
    await sensors.stop();
    await site.delivered();
    expect(await site.process.stop()).toBe(0);
    expect(await expectTruth(central, sensors.truth)).toBeGreaterThan(0);
    const madeCount = sensors.truth.length;
    const ledger = site.finalLedger();
    expect(await ledgerFaults({ site, central, ledger, madeCount })).toEqual([]);
    expect(await central.process.stop()).toBe(0);
    console.log(
      `${madeCount} readings while certificates changed ${2 * ROUNDS} times, the authority ${ROUNDS} times`,
    );
  },
);

test(
  "half of a renewal at a start ended the agent: it stops machines without the link, and connects once the pair is whole",
  { timeout: 240_000 },
  async () => {
    const { authority, serverCertificate, serverKey, agentCertificate, agentKey } = TEST_CERTIFICATES;
    const works = new Works();
    const intake = await works.freePort();
    const command = "factory/{site}/{line}/{machine}/command";
    const pipelinePath = works.write("pipeline.yaml", {
      ...pipeline,
      rules: {
        overheating: {
          metric: "temperature",
          when: { above: 80 },
          severity: 900,
          action: { publish: command, payload: "STOP", armed: true },
        },
      },
    });
    const central = await CentralHarness.prepare({
      works,
      pipelinePath,
      agents: [ALPHA],
      config: {
        intake: {
          mqtt: {
            port: intake,
            tls: {
              cert: works.write("central.crt", serverCertificate),
              key: works.write("central.key", serverKey),
              ca: works.write("ca.crt", authority),
            },
          },
        },
        agents: [{ id: ALPHA.agent, site: ALPHA.site }],
      },
    });
    const site = await SiteHarness.prepare({
      works,
      ...ALPHA,
      pipelinePath,
      uplinkPort: intake,
      config: {
        uplink: {
          url: `mqtts://127.0.0.1:${intake}`,
          ca: works.path("ca.crt"),
          cert: works.write("uplink.crt", agentCertificate),
          key: works.write("uplink.key", serverKey),
        },
      },
    });
    await Promise.all([central.start(), site.start()]);
    const machine = await RawMqtt.connect({ port: site.brokerPort, clientId: "machine" });
    works.atEnd(() => machine.close());
    await machine.subscribe("factory/alpha/1/m1/command");
    await machine.publish("factory/alpha/1/m1/temperature", JSON.stringify({ ts: Date.now(), value: 81 }));
    await until("the command", () => machine.messages.length > 0);
    const said = `${works.path("uplink.crt")} does not fit its key ${works.path("uplink.key")}`;
    await site.until("the link says why", ({ link }) => link.state !== "up" && link.reason.includes(said));
    expect(site.process.log).toContain(`cannot connect the uplink: ${said}`);
    await site.post("/reload", {});
    works.write("uplink.key", agentKey);
    await central.connected(ALPHA.agent);
    await site.delivered();
    expect(await site.process.stop()).toBe(0);
    expect(await central.process.stop()).toBe(0);
  },
);
