// What people and devices get wrong: it is named with its place and the way out, or counted by reason; nothing else breaks.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { LevelStore } from "@millrace/queue";
import { expect, test } from "vitest";
import { CentralHarness } from "./central-harness.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import type { ProgramProcess } from "./program-process.ts";
import { RawMqtt } from "./raw-mqtt.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const MAIN = { agent: "edge-agent/src/main.ts", central: "central/src/main.ts" } as const;

async function prepareSite(
  works: Works,
  config: Readonly<Record<string, unknown>> = {},
  name = "alpha-1",
): Promise<SiteHarness> {
  const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
  return SiteHarness.prepare({
    works,
    agent: "alpha-1",
    site: "alpha",
    name,
    pipelinePath,
    uplinkPort: 1,
    config,
  });
}

async function prepareCentral(
  works: Works,
  config: Readonly<Record<string, unknown>> = {},
): Promise<CentralHarness> {
  const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
  return CentralHarness.prepare({
    works,
    pipelinePath,
    agents: [{ agent: "alpha-1", site: "alpha" }],
    config,
  });
}

/** Runs a program to its end; what it wrote and its exit code. */
async function outcome(program: ProgramProcess): Promise<{ code: number | null; text: string }> {
  program.start();
  const code = await program.exit();
  return { code, text: program.log };
}

/** A port that another program holds until the test ends. */
async function takenPort(works: Works): Promise<number> {
  const port = await works.freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  works.atEnd(() => new Promise((resolve) => server.close(resolve)));
  return port;
}

/** Every file of a folder with its bytes. */
function bytesOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  const isFile = (name: string): boolean => statSync(join(folder, name)).isFile();
  return Object.fromEntries(
    files.filter(isFile).map((name) => [name, readFileSync(join(folder, name), "hex")]),
  );
}

async function sensor(works: Works, site: SiteHarness): Promise<RawMqtt> {
  const client = await RawMqtt.connect({ port: site.brokerPort, clientId: "sensor" });
  works.atEnd(() => client.close());
  return client;
}

function reading(value: number, aheadMs = 0): string {
  return JSON.stringify({ ts: Date.now() + aheadMs, value });
}

test(
  "wrong configuration is named with file, line and column, and exits with 2",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    works.write("pipeline.yaml", PLAIN_PIPELINE);
    works.write(
      "wrong-pipeline.yaml",
      "version: 1\nmetrics:\n  temperature: { unit: °C, from: { topic: a/b } }\n",
    );
    const uplink = 'uplink: { url: "mqtt://127.0.0.1:1884" }';
    const cases = [
      [
        "agent",
        "agent.yaml",
        `version: 1\nagent: a\nsite: s\npipelin: x\ninputs: { host: {} }\n${uplink}\n`,
        /agent\.yaml:4:1.*pipelin/,
      ],
      [
        "agent",
        "agent.yaml",
        `version: 1\nagent: a\nsite: s\ninputs: { host: { interval: 5 } }\n${uplink}\n`,
        /agent\.yaml:4:29/,
      ],
      ["agent", "agent.yaml", `version: 1\nagent: a\nsite: [s\n`, /agent\.yaml:\d+:\d+/],
      [
        "agent",
        "agent.yaml",
        `version: 1\nagent: a\nsite: s\npipeline: wrong-pipeline.yaml\ninputs: { host: {} }\n${uplink}\n`,
        /wrong-pipeline\.yaml:3:\d+/,
      ],
      ["central", "central.yaml", "version: 1\nagents:\n  - { id: a }\n", /central\.yaml:3:\d+.*site/],
      ["central", "central.yaml", "version: 1\nhttp: { port: 99999 }\n", /central\.yaml:2:15/],
    ] as const;
    for (const [index, [program, file, text, pattern]] of cases.entries()) {
      const config = works.write(file, text);
      const { code, text: said } = await outcome(
        works.process(`wrong-${index}`, MAIN[program], ["run", "--config", config]),
      );
      expect(said).toMatch(pattern);
      expect(code, said).toBe(2);
    }
    const missing = await outcome(
      works.process("missing", MAIN.agent, ["run", "--config", works.path("none.yaml")]),
    );
    expect(missing.text).toContain(`cannot read configuration ${works.path("none.yaml")}`);
    expect(missing.code).toBe(2);
  },
);

test("a port in use is named with its purpose and its setting", { timeout: 240_000 }, async () => {
  const works = new Works();
  const port = await takenPort(works);
  const site = await prepareSite(works, { http: { port } }, "status");
  const broker = await prepareSite(works, { inputs: { broker: { port } } }, "broker");
  const http = await prepareCentral(works, { http: { port } });
  for (const [program, pattern] of [
    [site.process, /for the status page.*\n?.*http\.port/],
    [broker.process, /for sensors.*\n?.*inputs\.broker\.port/],
    [http.process, /for the API.*\n?.*http\.port/],
  ] as const) {
    const { code, text } = await outcome(program);
    expect(text).toContain(`cannot listen on 127.0.0.1:${port}`);
    expect(text).toMatch(pattern);
    expect(code, text).toBe(1);
  }
  for (const { process } of [site, broker]) {
    const again = await outcome(process);
    expect(again.text).not.toContain("did not end in order");
  }
  const intake = await prepareCentral(new Works(), { intake: { mqtt: { port } } });
  const { code, text } = await outcome(intake.process);
  expect(text).toMatch(
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} for agents(.|\n)*intake\\.mqtt\\.port`),
  );
  expect(code, text).toBe(1);
});

test("a data folder that cannot be one is named", { timeout: 240_000 }, async () => {
  const works = new Works();
  const site = await prepareSite(works);
  const central = await prepareCentral(works);
  for (const { process, dataFolder } of [site, central]) {
    writeFileSync(dataFolder, "in the way");
    const { code, text } = await outcome(process);
    expect(text).toContain(`data names ${dataFolder}: it is a file; name a folder`);
    expect(code, text).toBe(2);
  }
});

test("a second agent on a store is refused with the holder's process", { timeout: 240_000 }, async () => {
  const works = new Works();
  const site = await prepareSite(works);
  await site.start();
  const second = await prepareSite(works, { data: site.dataFolder }, "second");
  const { code, text } = await outcome(second.process);
  expect(text).toContain(`cannot open store ${site.storePath}: process ${site.process.pid} holds it`);
  expect(code, text).toBe(1);
  expect((await site.status()).store.failure).toBeNull();
});

test(
  "bad payloads are acknowledged, counted by reason and kept with their first bytes",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const site = await prepareSite(works);
    await site.start();
    const client = await sensor(works, site);
    const topic = "factory/alpha/1/m1/temperature";
    const binary = Uint8Array.from({ length: 300 }, (_, index) => (index * 7) % 256);
    const bad = [
      ["malformed", topic, "not JSON"],
      ["malformed", topic, ""],
      ["malformed", topic, binary],
      ["malformed", topic, '{"ts":1700000000000}'],
      ["malformed", topic, '{"ts":1700000000000,"value":{"__proto__":null}}'],
      ["not_finite", topic, '{"ts":1700000000000,"value":1e999}'],
      ["bad_time", topic, '{"ts":"yesterday","value":1}'],
      ["before_floor", topic, '{"ts":1000,"value":1}'],
      ["oversized", topic, `{"ts":1700000000000,"value":1,"more":"${"x".repeat(70_000)}"}`],
      ["wrong_site", "factory/beta/1/m1/temperature", reading(1)],
      ["unknown_topic", "factory/alpha/1/m1/humidity", reading(1)],
      ["unknown_topic", "elsewhere", "x"],
    ] as const;
    for (const [, where, payload] of bad) await client.publish(where, payload);
    await client.publish(topic, reading(20));
    const status = await site.status();
    const expected = Map.groupBy(bad, ([reason]) => reason);
    for (const [reason, count] of Object.entries(status.ledger.rejected)) {
      const wanted = [...expected].find(([name]) => name === reason)?.[1].length ?? 0;
      expect(count, reason).toBe(wanted);
    }
    expect(status.ledger).toMatchObject({ received: bad.length + 1, aggregated: 1 });
    expect(status.quarantine).toHaveLength(bad.length);
    expect(status.quarantine.map(({ reason }) => reason)).toEqual(bad.map(([reason]) => reason));
    const kept = status.quarantine.find(({ bytes }) => bytes === binary.length);
    expect(kept?.head).toBe(Buffer.from(binary.subarray(0, 256)).toString("base64"));

    // Beyond what MQTT packets may be: that connection ends, the process and the others do not.
    const flooder = await RawMqtt.connect({ port: site.brokerPort, clientId: "flooder" });
    await expect(flooder.publish(topic, Buffer.alloc(3_000_000))).rejects.toThrow(/closed/);
    await client.publish(topic, reading(21));
    const after = await site.status();
    expect(after.ledger.aggregated).toBe(2);
    expect(after.inputs[0]?.counts["oversized"]).toBe(2);
    // What was counted is still counted after a kill.
    await site.process.kill();
    await site.start();
    expect((await site.status()).ledger.rejected).toEqual(after.ledger.rejected);
  },
);

test(
  "a reading from the future is held while no central has confirmed the clock, and the watermark does not move",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const site = await prepareSite(works, { limits: { outOfOrderness: "0s" } });
    await site.start();
    const client = await sensor(works, site);
    const topic = "factory/alpha/1/m1/temperature";
    await client.publish(topic, reading(20));
    const before = await site.until("a watermark", ({ watermarkMs }) => watermarkMs !== null);
    await client.publish(topic, reading(99, 3_600_000));
    const status = await site.until("it is counted", ({ ledger }) => ledger.held === 1);
    expect(status).toMatchObject({ ledger: { rejected: { future: 0 } }, held: { readings: 1, series: 1 } });
    // Two emissions later it is still where the good reading put it.
    await client.publish(topic, reading(21));
    const after = await site.until(
      "a further watermark",
      ({ watermarkMs }) => (watermarkMs ?? 0) > (before.watermarkMs ?? 0),
    );
    expect(after.watermarkMs).toBeLessThanOrEqual(Date.now());
  },
);

test("a store of a newer version is refused untouched", { timeout: 240_000 }, async () => {
  const works = new Works();
  const site = await prepareSite(works);
  const central = await prepareCentral(works);
  for (const [{ process, storePath, dataFolder }, kind, format] of [
    [site, "agent", 2],
    [central, "central", 5],
  ] as const) {
    mkdirSync(dataFolder);
    const store = await LevelStore.open({ path: storePath, kind, version: 99, pid: 1 });
    await store.commit([{ type: "put", key: Uint8Array.of(0x40), value: Uint8Array.of(1) }], {
      isSync: true,
    });
    await store.close();
    const before = bytesOf(dataFolder);
    const { code, text } = await outcome(process);
    expect(text).toMatch(
      new RegExp(`cannot open store .*: it has format 99, this program reads up to ${format}`),
    );
    expect(text).toMatch(/one that reads format 99/);
    expect(code, text).toBe(1);
    expect(bytesOf(dataFolder)).toEqual(before);
  }
});

test("a wrong uplink password is in the status, and the agent goes on", { timeout: 240_000 }, async () => {
  const works = new Works();
  const central = await prepareCentral(works);
  await central.start();
  const site = await prepareSite(works, {
    uplink: { url: `mqtt://127.0.0.1:${central.intakePort}`, password: "not the one" },
  });
  await site.start();
  const status = await site.until("central refuses it", ({ link }) => /password is wrong/.test(link.reason));
  expect(status.link.state).not.toBe("up");
  const client = await sensor(works, site);
  await client.publish("factory/alpha/1/m1/temperature", reading(20));
  expect((await site.status()).ledger.aggregated).toBe(1);
  expect((await central.agent("alpha-1"))?.state).toBe("never_seen");
});

test("garbage at central is counted, and central and its agents go on", { timeout: 240_000 }, async () => {
  const works = new Works();
  const central = await prepareCentral(works);
  await central.start();
  const site = await prepareSite(works, {
    uplink: { url: `mqtt://127.0.0.1:${central.intakePort}`, password: "password of alpha-1" },
  });
  await site.start();
  await central.connected("alpha-1");

  const stranger = await RawMqtt.connect({
    port: central.intakePort,
    clientId: "x",
    username: "nobody",
  }).catch(String);
  expect(stranger).toMatch(/closed/);
  const junk = await RawMqtt.connect({
    port: central.intakePort,
    clientId: "x",
    username: "alpha-1",
    password: "password of alpha-1",
  });
  const topics = ["hello", "batch", "heartbeat"];
  for (const name of topics)
    await junk.publish(`millrace/v1/alpha-1/${name}`, "\u0000 not what it should be").catch(() => {});
  junk.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
  await until("its connection is closed", () => junk.isClosed);
  const ledger = await until("it is counted", async () => {
    const totals = await central.ledger("alpha-1");
    return totals?.rejected.malformed_hello === 1 && totals;
  });
  expect(Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(1);

  const foreign = await RawMqtt.connect({
    port: central.intakePort,
    clientId: "y",
    username: "alpha-1",
    password: "password of alpha-1",
  });
  await expect(foreign.publish("millrace/v1/beta-1/batch", "forged")).rejects.toThrow(/closed/);

  const client = await sensor(works, site);
  await client.publish("factory/alpha/1/m1/temperature", reading(20));
  const { ledger: ofAgent } = await site.delivered();
  expect(ofAgent.forwarded).toBe(1);
  expect((await central.ledger("alpha-1"))?.merged).toBe(1);
  expect(central.process.isRunning).toBe(true);
});
