// What no sensor should do: junk on every port, endless topics, payloads too large, connections without end. The agent's memory
// stays bounded, it counts what it refuses, and it goes on stopping machines.
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { SeededRandom } from "@millrace/testkit";
import { expect, test } from "vitest";
import { machineMetric } from "./pipeline.ts";
import { RawMqtt } from "./raw-mqtt.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const JUNK_PACKETS = isLong ? 500_000 : 100_000;
const TOPICS = isLong ? 100_000 : 30_000;
/** Far above what it needs at rest (about 120 MB), far below what unbounded growth would take. */
const RESIDENT_BYTES_MAX = 600 * 2 ** 20;
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
  { timeout: isLong ? 3_600_000 : 180_000 },
  async () => {
    const works = new Works();
    const seed = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`MILLRACE_SEED=${seed}`);
    const site = await SiteHarness.prepare({
      works,
      agent: "alpha-1",
      site: "alpha",
      pipelinePath: works.write("pipeline.yaml", pipeline),
      uplinkPort: 1,
      config: { limits: { seriesPerMetricMax: SERIES_MAX }, log: { level: "warn" } },
    });
    await site.start();
    const sensorOf = async (clientId: string): Promise<RawMqtt> => {
      const client = await RawMqtt.connect({ port: site.brokerPort, clientId });
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
    const random = new SeededRandom(seed, "junk");
    await Promise.all([
      ...[0, 1, 2, 3].map((own) =>
        sendJunk(site.brokerPort, JUNK_PACKETS / 4, new SeededRandom(seed, `junk-${own}`)),
      ),
      sendJunk(site.statusPort, 2_000, random),
      endlessTopics(),
      hugePayloads(),
    ]);
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
    expect(inputs[0].counts["client_errors"]).toBeGreaterThan(100);
    const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
    expect(ledger.received).toBe(ledger.aggregated + ledger.ruleOnly + ledger.duplicate + refused);
    expect(await site.process.stop()).toBe(0);
  },
);
