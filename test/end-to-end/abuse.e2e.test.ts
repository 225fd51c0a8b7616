// What no sensor should do: junk on every port, endless topics, payloads too large, connections without end. The agent's memory
// stays bounded, it counts what it refuses, and it goes on stopping machines.
import { appendFileSync, readFileSync, truncateSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { SeededRandom } from "@millrace/testkit";
import { expect, test } from "vitest";
import { MqttAbuse } from "./mqtt-abuse.ts";
import { machineMetric } from "./pipeline.ts";
import { RawMqtt } from "./raw-mqtt.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const JUNK_PACKETS = isLong ? 10_000_000 : 100_000;
const TOPICS = isLong ? 1_000_000 : 30_000;
const JUNK_FILE_BYTES = (isLong ? 512 : 8) * 2 ** 20;
const JUNK_POSTS = isLong ? 20_000 : 500;
/** Clients that come with ids of their own, one connection each or more. */
const GHOSTS = isLong ? 10_000 : 100;
const LONG_TOPICS = isLong ? 100_000 : 4_000;
/** The unit's MemoryMax is 512M; at rest it needs about 120 MB. */
const RESIDENT_BYTES_MAX = 400 * 2 ** 20;
/** The binary's own, and what V8 takes for its heap where the system grants 512 MB. */
const NODE_OPTIONS = "--max-semi-space-size=4 --max-old-space-size=256";
const SERIES_MAX = 1_000;

const pipeline = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C") },
  windows: { temperature_2s: { metric: "temperature", size: "2s", by: ["site"] } },
  rules: {
    overheating: {
      metric: "temperature",
      when: { above: 80, clearBelow: 75 },
      severity: 900,
      action: {
        publish: "factory/{site}/{line}/{machine}/command",
        payload: "STOP",
        latch: false,
        armed: true,
      },
    },
  },
};

function residentBytes(pid: number | undefined): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

/** Bytes that are no packet, and packets that are nearly right: a flag, a length, a topic or a byte in the middle is wrong. */
function junkPacket(random: SeededRandom): Buffer {
  const length = random.integer(0, 40);
  const bytes = Buffer.from(Array.from({ length: length + 2 }, () => random.integer(0, 255)));
  if (random.next() < 0.4) return bytes;
  const body = Buffer.concat([Buffer.from([0, 3]), Buffer.from("a/b"), bytes]);
  const packet = Buffer.concat([Buffer.from([0x30 | random.integer(0, 15), body.length]), body]);
  if (random.next() < 0.5) packet[random.integer(0, packet.length - 1)] = random.integer(0, 255);
  return packet;
}

const CONNECT = Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 1, 0x6a]);

/** Sends junk on one connection after the other until so many packets are out. */
async function sendJunk(port: number, packetCount: number, random: SeededRandom): Promise<void> {
  for (let sent = 0; sent < packetCount;) {
    const socket = await opened(port);
    // Half of them say a proper hello first.
    if (random.next() < 0.5) socket.write(CONNECT);
    const batch = Math.min(packetCount - sent, random.integer(1, 300));
    socket.write(Buffer.concat(Array.from({ length: batch }, () => junkPacket(random))));
    sent += batch;
    if (random.next() < 0.8) await gone(socket);
    socket.destroy();
  }
}

/** Bodies of every kind that the HTTP input takes, all junk. What is answered says that it goes on. */
async function postJunk(port: number, count: number, random: SeededRandom): Promise<void> {
  const paths = ["/topics/factory/alpha/1/m3/temperature", "/write", "/api/v2/write?precision=s", "/nowhere"];
  const types = ["application/x-ndjson", "application/json", "text/plain", "image/png"];
  for (let number = 0; number < count; number += 1) {
    const body = Buffer.from(Array.from({ length: random.integer(0, 300) }, () => random.integer(0, 255)));
    const headers = {
      "content-type": types[random.integer(0, 3)],
      ...(random.chance(0.2) ? { "content-encoding": "gzip" } : {}),
    };
    const url = `http://127.0.0.1:${port}${paths[random.integer(0, 3)]}`;
    const answer = await fetch(url, { method: "POST", body, headers, signal: AbortSignal.timeout(60_000) });
    await answer.arrayBuffer();
    expect(answer.status).toBeLessThan(500);
  }
}

/** Grows by junk, and is emptied now and then, as no log should be. */
async function writeJunkFile(path: string, bytes: number, random: SeededRandom): Promise<void> {
  const chunk = Buffer.alloc(64 * 1024);
  for (let written = 0; written < bytes; written += chunk.length) {
    for (let at = 0; at < chunk.length; at += 4) chunk.writeUInt32LE(random.integer(0, 0xffff_ffff), at);
    appendFileSync(path, chunk);
    if (random.chance(0.05)) truncateSync(path, 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What the agent takes for a site's broker answers with junk: at once, or after a proper CONNACK and SUBACK. */
async function junkBroker(works: Works, random: SeededRandom): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => {
      if (random.chance(0.7)) socket.write(Buffer.from([0x20, 2, 0, 0, 0x90, 3, 0, 1, 1]));
      socket.write(Buffer.concat(Array.from({ length: 50 }, () => junkPacket(random))));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  works.atEnd(() => void server.close());
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.once("connect", () => resolve(socket));
    socket.once("close", () => resolve(socket));
  });
}

/** The other side has closed it, or has had a moment to. */
function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const timer = setTimeout(resolve, 20);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

test(
  "junk on every port, endless topics, payloads too large: memory is bounded, and machines are stopped meanwhile",
  { timeout: isLong ? 3_600_000 : 360_000 },
  async () => {
    const works = new Works();
    const seed = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`MILLRACE_SEED=${seed}`);
    const brokerPort = await works.freePort();
    const httpPort = await works.freePort();
    const junkFile = works.write("junk.log", "");
    const brokersPort = await junkBroker(works, new SeededRandom(seed, "junk broker"));
    const site = await SiteHarness.prepare({
      works,
      agent: "alpha-1",
      site: "alpha",
      pipelinePath: works.write("pipeline.yaml", pipeline),
      uplinkPort: 1,
      surroundings: { env: { NODE_OPTIONS } },
      config: {
        limits: { seriesPerMetricMax: SERIES_MAX },
        log: { level: "warn" },
        inputs: {
          broker: { port: brokerPort },
          mqtt: { url: `mqtt://127.0.0.1:${brokersPort}` },
          http: { port: httpPort },
          files: [{ path: junkFile, topic: "factory/alpha/1/{file}/temperature", interval: "100ms" }],
        },
      },
    });
    site.process.start();
    // Never ready: one of its inputs finds no broker that speaks MQTT.
    await until("it runs", async () => (await site.status()).inputs.length === 4);
    // Beyond so many connections a second, those of the junk counted, the broker closes new ones: a sensor comes again.
    const connected = (clientId: string): Promise<RawMqtt> =>
      RawMqtt.connect({ port: brokerPort, clientId }).catch(() => connected(clientId));
    const sensorOf = async (clientId: string): Promise<RawMqtt> => {
      const client = await connected(clientId);
      works.atEnd(() => client.close());
      return client;
    };
    const machines = await sensorOf("machines");
    await machines.subscribe("factory/alpha/1/+/command");
    const good = await sensorOf("good");
    const reading = (value: number): string => JSON.stringify({ ts: Date.now(), value });
    await good.publish("factory/alpha/1/m1/temperature", reading(60));

    let isAbused = true;
    let peakBytes = 0;
    const latenciesMs: number[] = [];
    const watch = (async () => {
      for (let crossing = 1; isAbused || crossing < 5; crossing++) {
        const sentAtMs = performance.now();
        await good.publish("factory/alpha/1/m1/temperature", reading(81));
        await until("the machine is stopped", () => machines.messages.length >= crossing);
        latenciesMs.push(performance.now() - sentAtMs);
        await good.publish("factory/alpha/1/m1/temperature", reading(60));
        peakBytes = Math.max(peakBytes, residentBytes(site.process.pid));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return machines.messages.length;
    })();
    const endlessTopics = async () => {
      const client = await sensorOf("endless");
      for (let number = 0; number < TOPICS; number++) {
        // Topics that nobody reads, series beyond the bound, other sites; now and then one that is answered.
        const topic = [
          `t/${number}`,
          `factory/alpha/2/m${number}/temperature`,
          `factory/${number}/1/m/temperature`,
        ][number % 3];
        await client.publish(topic, reading(20), { qos: number % 50 === 0 ? 1 : 0 });
      }
    };
    const hugePayloads = async () => {
      const client = await sensorOf("huge");
      for (let number = 0; number < 100; number++)
        await client.publish(
          "factory/alpha/1/m2/temperature",
          Buffer.alloc(number % 2 === 0 ? 65_536 : 2 ** 20, 0x39),
        );
      // Greater than any packet may be: cut off before it is in memory.
      client.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]));
      await until("it is cut off", () => client.isClosed || (client.write(Buffer.alloc(65_536)), false));
    };
    const abuse = new MqttAbuse(brokerPort);
    works.atEnd(() => abuse.close());
    const ghosts = async () => {
      for (let number = 0; number < GHOSTS; number += 1) {
        await abuse.leaveSession(`factory/alpha/1/ghost-${number}/command`);
        await abuse.leaveUnreleased("factory/alpha/1/m3/temperature", Buffer.alloc(2 ** 20));
        if (number % 10 === 0) await abuse.beginToConnect();
        if (number % 10 === 5) await abuse.beginToPublish();
        // Commands that anybody may send, to clients that will not come for them.
        const client = await sensorOf("commander");
        for (let ghost = 0; ghost <= number; ghost += 10) {
          const topic = `factory/alpha/1/ghost-${ghost}/command`;
          await Promise.all([1, 2, 3, 4, 5].map(() => client.publish(topic, Buffer.alloc(8_000))));
        }
        client.close();
      }
    };
    const longTopics = async () => {
      for (const length of [250, 60_000]) await abuse.inventTopics(length, LONG_TOPICS);
    };
    const random = new SeededRandom(seed, "junk");
    await Promise.all([
      ...[0, 1, 2, 3].map((own) =>
        sendJunk(brokerPort, JUNK_PACKETS / 4, new SeededRandom(seed, `junk-${own}`)),
      ),
      sendJunk(site.statusPort, 2_000, random),
      sendJunk(httpPort, 5_000, new SeededRandom(seed, "junk to HTTP")),
      postJunk(httpPort, JUNK_POSTS, new SeededRandom(seed, "junk posts")),
      writeJunkFile(junkFile, JUNK_FILE_BYTES, new SeededRandom(seed, "junk file")),
      endlessTopics(),
      hugePayloads(),
      ghosts(),
      longTopics(),
      abuse.neverRelease("factory/alpha/1/m4/temperature", Buffer.alloc(10 ** 6), 300),
    ]);
    abuse.close();
    isAbused = false;
    const stopCount = await watch;
    console.log(
      `${stopCount} stops, slowest after ${Math.max(...latenciesMs).toFixed(0)} ms; at most ${Math.round(peakBytes / 2 ** 20)} MB resident`,
    );
    expect(peakBytes).toBeLessThan(RESIDENT_BYTES_MAX);
    const { ledger, series, inputs } = await site.until(
      "all is durable",
      ({ ledger }) => ledger.pending === 0,
    );
    const { rejected } = ledger;
    expect(series["temperature"]).toBe(SERIES_MAX);
    expect(rejected.unknown_topic).toBeGreaterThanOrEqual(TOPICS / 3 - 1);
    expect(rejected.wrong_site).toBeGreaterThanOrEqual(TOPICS / 3 - 1);
    expect(rejected.series_cap).toBeGreaterThan(TOPICS / 3 - SERIES_MAX - 2);
    expect(rejected.oversized).toBeGreaterThanOrEqual(50);
    expect(rejected.malformed).toBeGreaterThan(1_000);
    const held = await site.metrics();
    for (const what of ["sessions", "queued_bytes", "bytes_in_hand"])
      expect(held).toMatch(new RegExp(`millrace_agent_input_held\\{[^}]*what="${what}"\\} \\d+`));
    const countsOf = (name: string) => inputs.find((input) => input.name === name)?.counts ?? {};
    expect(countsOf("broker")["client_errors"]).toBeGreaterThan(100);
    expect(countsOf("broker")["sessions"]).toBeGreaterThan(GHOSTS / 2);
    expect(countsOf("broker")["refused_subscriptions"]).toBeGreaterThanOrEqual(GHOSTS);
    expect(countsOf("files")["lines"]).toBeGreaterThan(1_000);
    expect(countsOf("mqtt")["disconnects"]).toBeGreaterThan(1);
    const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
    expect(ledger.received).toBe(
      ledger.aggregated + ledger.ruleOnly + ledger.duplicate + refused + ledger.held,
    );
    expect(await site.process.stop()).toBe(0);
  },
);
