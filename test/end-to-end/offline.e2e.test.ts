// The edge acts by itself: with the uplink down a crossing stops the machine, and central learns of it afterwards.
import { cpSync } from "node:fs";
import { LevelStore } from "@millrace/queue";
import { systemRandom } from "@millrace/runtime";
import { expect, test } from "vitest";
import { SiteBroker } from "../../edge-agent/src/inputs/site-broker.test-support.ts";
import { AGENT_STORE_VERSION } from "../../edge-agent/src/version.ts";
import { prepareOneSite } from "./one-site.ts";
import { machineMetric } from "./pipeline.ts";
import { RawMqtt } from "./raw-mqtt.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const machine = "factory/alpha/1/m1";
/** `within`: a machine has so long to confirm. */
const pipelineOf = (within: string) => ({
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C"), pressure: machineMetric("pressure", "bar") },
  windows: { temperature_2s: { metric: "temperature", size: "2s", by: ["site"] } },
  rules: {
    overheating: {
      metric: "temperature",
      when: { above: 80, clearBelow: 75 },
      severity: 900,
      action: {
        publish: "factory/{site}/{line}/{machine}/command",
        payload: "STOP",
        confirm: { topic: "factory/{site}/{line}/{machine}/state", equals: "stopped", within },
        retry: 3,
        armed: true,
      },
    },
    overpressure: {
      metric: "pressure",
      when: { above: 8 },
      severity: 500,
      action: { publish: "factory/{site}/{line}/{machine}/command", payload: "VENT", armed: false },
    },
  },
});

/** Central is not running: the uplink is down from the first moment. */
async function prepare(within = "1s") {
  const works = new Works();
  return { works, ...(await prepareOneSite(works, pipelineOf(within))) };
}

async function client(works: Works, port: number, clientId: string): Promise<RawMqtt> {
  const made = await RawMqtt.connect({ port, clientId });
  works.atEnd(() => made.close());
  return made;
}

function reading(value: number, ageMs = 0): string {
  return JSON.stringify({ ts: Date.now() - ageMs, value });
}

/** The audit trail in a store, oldest first: read from a copy, since the agent holds the store. */
async function auditTrail(works: Works, site: SiteHarness): Promise<unknown[]> {
  const path = works.path(`audit-${systemRandom.hex(4)}`);
  cpSync(site.storePath, path, { recursive: true });
  const store = await LevelStore.open({
    path,
    kind: "agent",
    version: AGENT_STORE_VERSION,
    pid: process.pid,
  });
  const entries: unknown[] = [];
  for await (const { value } of store.range({ from: Uint8Array.of(0x35), to: Uint8Array.of(0x36) })) {
    entries.push(JSON.parse(Buffer.from(value).toString()));
  }
  await store.close();
  return entries;
}

test(
  "a crossing stops the machine while the uplink is down, and central hears of every step later",
  { timeout: 240_000 },
  async () => {
    // The machine takes its time: it is asked once.
    const { works, central, site } = await prepare("1m");
    await site.start();
    const machineClient = await client(works, site.brokerPort, "machine");
    await machineClient.subscribe(`${machine}/command`);
    const sensor = await client(works, site.brokerPort, "sensor");
    await sensor.publish(`${machine}/temperature`, reading(60));
    await sensor.publish(`${machine}/temperature`, reading(81));
    const [command] = await until(
      "the command",
      () => machineClient.messages.length > 0 && machineClient.messages,
    );
    expect((await site.status()).link.state).not.toBe("up");
    expect(command).toMatchObject({ topic: `${machine}/command`, qos: 1, isRetained: false });
    const order: { id: string; validUntil: number } = JSON.parse(command?.payload ?? "");
    expect(order).toEqual({
      command: "STOP",
      id: expect.any(String),
      validUntil: expect.any(Number),
      rule: "overheating",
    });
    expect(order.validUntil).toBeGreaterThan(Date.now());

    await machineClient.publish(`${machine}/state`, "stopped");
    const confirmed = await site.until("it is confirmed", ({ alarms }) =>
      alarms.some(({ action }) => action === "confirmed"),
    );
    expect(confirmed.alarms).toMatchObject([
      { rule: "overheating", isActive: true, command: { id: order.id, attempt: 1 } },
    ]);
    // Still above the limit: no second command.
    await sensor.publish(`${machine}/temperature`, reading(82));
    expect(machineClient.messages).toHaveLength(1);
    const latency = /millrace_agent_action_seconds_sum\{[^}]*\} (\S+)/.exec(await site.metrics())?.[1];
    console.log(`reading in to command out: ${(Number(latency) * 1_000).toFixed(2)} ms`);
    expect(Number(latency)).toBeGreaterThan(0);

    await sensor.publish(`${machine}/temperature`, reading(60));
    await central.start();
    await central.connected("alpha-1");
    await site.delivered();
    const alarm = await until("central has the alarm", async () =>
      (await central.alarms()).find(({ rule }) => rule === "overheating"),
    );
    expect(alarm).toMatchObject({
      agent: "alpha-1",
      action: "confirmed",
      isHistorical: false,
      isLatched: true,
      command: { id: order.id },
    });
    // Raised, commanded, confirmed, back to normal.
    expect(alarm.step).toBeGreaterThanOrEqual(3);
    expect(alarm.clearedAtMs).not.toBeNull();
  },
);

test(
  "an unconfirmed command is sent again under the same id, then the alarm escalates",
  { timeout: 240_000 },
  async () => {
    const { works, site } = await prepare();
    await site.start();
    const machineClient = await client(works, site.brokerPort, "machine");
    await machineClient.subscribe(`${machine}/command`);
    const sensor = await client(works, site.brokerPort, "sensor");
    await sensor.publish(`${machine}/temperature`, reading(81));
    const status = await site.until("it gives up", ({ alarms }) =>
      alarms.some(({ action }) => action === "unconfirmed"),
    );
    expect(status.alarms).toMatchObject([{ severity: 1_000 }]);
    const ids = machineClient.messages.map(({ payload }) => {
      const { id }: { id: string } = JSON.parse(payload);
      return id;
    });
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(1);
  },
);

test(
  "a stale or retained reading makes a historical alarm and no command",
  { timeout: 240_000 },
  async () => {
    const { works, site, siteOptions } = await prepare();
    // The site's own broker has retained a message from before the agent came.
    const port = await works.freePort();
    const broker = await SiteBroker.listen(port);
    works.atEnd(() => broker.close());
    const atBroker = await client(works, port, "early sensor");
    await atBroker.publish("factory/alpha/1/m2/temperature", reading(99), { isRetained: true });
    const ears = await client(works, port, "machines");
    await ears.subscribe("factory/#");

    const gateway = await SiteHarness.prepare({
      ...siteOptions,
      name: "gateway",
      config: { inputs: { broker: { port: site.brokerPort }, mqtt: { url: `mqtt://127.0.0.1:${port}` } } },
    });
    await gateway.start();
    const machines = await client(works, site.brokerPort, "machines");
    await machines.subscribe("factory/alpha/1/+/command");
    const sensor = await client(works, site.brokerPort, "sensor");
    await sensor.publish(`${machine}/temperature`, reading(95, 6_000));
    const { alarms } = await gateway.until("both alarms are there", (status) => status.alarms.length === 2);
    expect(alarms.every(({ isHistorical, action }) => isHistorical && action === "none")).toBe(true);

    // The next fresh reading is above the limit too: now it acts. Nothing had been sent before.
    await sensor.publish(`${machine}/temperature`, reading(96));
    await until("the command", () => machines.messages.length > 0);
    expect(machines.messages.map(({ topic }) => topic)).toEqual([`${machine}/command`]);
    expect(ears.messages.filter(({ topic }) => topic.endsWith("m2/command"))).toEqual([]);
  },
);

test("a dry run sends nothing and is in the audit trail", { timeout: 240_000 }, async () => {
  const { works, site } = await prepare();
  await site.start();
  const machineClient = await client(works, site.brokerPort, "machine");
  await machineClient.subscribe(`${machine}/#`);
  const sensor = await client(works, site.brokerPort, "sensor");
  await sensor.publish(`${machine}/pressure`, reading(9));
  const { alarms } = await site.until("the alarm", (status) => status.alarms.length === 1);
  expect(alarms).toMatchObject([
    { rule: "overpressure", action: "dry_run", command: { topic: `${machine}/command` } },
  ]);
  // Its own reading comes back on the subscription; nothing else does.
  await sensor.publish(`${machine}/pressure`, reading(9.5));
  await until("both readings came by", () => machineClient.messages.length >= 2);
  expect(machineClient.messages.filter(({ topic }) => topic.endsWith("/command"))).toEqual([]);
  expect(await site.process.stop()).toBe(0);
  expect(await auditTrail(works, site)).toMatchObject([{ rule: "overpressure", action: "dry_run" }]);
});
