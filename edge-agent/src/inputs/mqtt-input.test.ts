// Reading from a real Mosquitto: many unacknowledged messages in one commit, and none lost when the process dies before it.
// This pins how mqtt.js behaves; it must fail when an upgrade changes that.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { MemoryLogger, systemClock } from "@millrace/runtime";
import { freePort, TcpProxy, TEST_CERTIFICATES } from "@millrace/testkit";
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from "mqtt";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Arrival, InputHandler } from "./input.ts";
import { MqttInput, type MqttInputOptions } from "./mqtt-input.ts";
import type { SessionFilters } from "./session-filters.ts";

const MOSQUITTO = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"].find(
  (path) => existsSync(path),
);
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function mosquitto(port: number, settings: readonly string[] = []): Promise<ChildProcess> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-mosquitto-"));
  writeFileSync(
    join(folder, "conf"),
    [`listener ${port} 127.0.0.1`, "allow_anonymous true", "persistence false", ...settings, ""].join("\n"),
  );
  const broker = spawn(MOSQUITTO!, ["-c", join(folder, "conf")], { stdio: "ignore" });
  cleanups.push(async () => {
    await killed(broker);
    rmSync(folder, { recursive: true });
  });
  await vi.waitFor(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connectSocket(port, "127.0.0.1", () => resolve(void socket.destroy()));
        socket.once("error", reject);
      }),
  );
  return broker;
}

async function killed(broker: ChildProcess): Promise<void> {
  if (broker.exitCode !== null || broker.signalCode !== null) return;
  const exited = new Promise((resolve) => broker.once("exit", resolve));
  broker.kill("SIGKILL");
  await exited;
}

async function sensor(port: number, options: IClientOptions = {}): Promise<MqttClient> {
  const at = { protocol: "mqtt", host: "127.0.0.1", port } as const;
  const client = await connectAsync({ ...at, reconnectPeriod: 0, ...options });
  client.on("error", () => {});
  cleanups.push(() => client.endAsync(true));
  return client;
}

function optionsAt(port: number): MqttInputOptions {
  return {
    name: "site",
    url: `mqtt://127.0.0.1:${port}`,
    clientId: "millrace-agent",
    username: null,
    password: null,
    filters: ["f/#"],
    payloadBytesMax: 1000,
    clock: systemClock,
    random: { next: () => 0.5, hex: (count) => "0".repeat(2 * count) },
    log: new MemoryLogger(),
  };
}

async function inputAt(
  port: number,
  handler: InputHandler,
  options: Partial<MqttInputOptions> = {},
): Promise<MqttInput> {
  const input = new MqttInput({ ...optionsAt(port), ...options });
  await input.start(handler);
  cleanups.push(() => input.stop());
  await vi.waitFor(() => expect(input.status().isConnected).toBe(true));
  return input;
}

function holdingHandler(): {
  handler: InputHandler;
  held: { arrival: Arrival; resolve: () => void; reject: (error: Error) => void }[];
} {
  const held: { arrival: Arrival; resolve: () => void; reject: (error: Error) => void }[] = [];
  return {
    held,
    handler: (arrival) => new Promise((resolve, reject) => held.push({ arrival, resolve, reject })),
  };
}

/** As the agent's store keeps them over restarts. */
function rememberedFilters(): SessionFilters {
  const sessions = new Map<string, readonly string[]>();
  return {
    read: async (session) => sessions.get(session) ?? [],
    save: async (session, filters) => void sessions.set(session, filters),
  };
}

const text = (arrival: Arrival): string => Buffer.from(arrival.payload).toString();
const numbers = (count: number): string[] => Array.from({ length: count }, (_, number) => String(number));

describe.skipIf(MOSQUITTO === undefined)("with Mosquitto (skipped where it is not installed)", () => {
  test.each([4 as const, 5 as const])(
    "MQTT %s: twenty messages wait in one commit, and are then acknowledged in order",
    async (protocolVersion) => {
      const port = await freePort();
      await mosquitto(port);
      const { handler, held } = holdingHandler();
      const input = await inputAt(port, handler, { protocolVersion });
      const client = await sensor(port);
      for (const number of numbers(50)) client.publish("f/t", number, { qos: 1 });
      // 3.1.1: Mosquitto's own window of 20; 5: what the input has room for.
      const window = protocolVersion === 4 ? 20 : 50;
      await vi.waitFor(() => expect(held).toHaveLength(window));
      expect(input.status().counts).toMatchObject({ unacknowledged: window, acknowledged: 0 });
      for (const { resolve } of held) resolve();
      await vi.waitFor(() => {
        for (const { resolve } of held) resolve();
        expect(input.status().counts["acknowledged"]).toBe(50);
      });
      expect(held.map(({ arrival }) => text(arrival))).toEqual(numbers(50));
      expect(held[0].arrival).toMatchObject({ qos: 1, isRetained: false, client: "site" });
    },
  );

  test.each([4 as const, 5 as const])(
    "MQTT %s: what was not durable when the process died comes again, the rest does not",
    async (protocolVersion) => {
      const port = await freePort();
      await mosquitto(port);
      const first = holdingHandler();
      const dying = await inputAt(port, first.handler, { protocolVersion });
      const client = await sensor(port);
      for (const number of numbers(10)) await client.publishAsync("f/t", number, { qos: 1 });
      await vi.waitFor(() => expect(first.held).toHaveLength(10));
      for (const { resolve } of first.held.slice(0, 4)) resolve();
      await vi.waitFor(() => expect(dying.status().counts["acknowledged"]).toBe(4));
      await dying.stop();
      for (const number of ["10", "11"]) await client.publishAsync("f/t", number, { qos: 1 });
      const arrivals: string[] = [];
      await inputAt(port, (arrival) => void arrivals.push(text(arrival)), { protocolVersion });
      await vi.waitFor(() => expect(arrivals).toEqual(numbers(12).slice(4)));
    },
  );

  test("a commit that fails drops the connection; the messages come again and can then be acknowledged", async () => {
    const port = await freePort();
    await mosquitto(port);
    const { handler, held } = holdingHandler();
    const input = await inputAt(port, handler);
    const client = await sensor(port);
    for (const number of numbers(3)) await client.publishAsync("f/t", number, { qos: 1 });
    await vi.waitFor(() => expect(held).toHaveLength(3));
    held[1].reject(new Error("disk full"));
    held[2].resolve();
    await vi.waitFor(() => expect(held).toHaveLength(6));
    expect(held.slice(3).map(({ arrival }) => text(arrival))).toEqual(numbers(3));
    for (const { resolve } of held.slice(3)) resolve();
    await vi.waitFor(() =>
      expect(input.status().counts).toMatchObject({ acknowledged: 3, commit_failures: 1, unacknowledged: 0 }),
    );
  });

  test("no more than unacknowledgedMax are taken at once", async () => {
    const port = await freePort();
    await mosquitto(port);
    const { handler, held } = holdingHandler();
    const input = await inputAt(port, handler, { unacknowledgedMax: 5 });
    const client = await sensor(port);
    for (const number of numbers(20)) await client.publishAsync("f/t", number, { qos: 1 });
    await vi.waitFor(() => expect(input.status().counts).toMatchObject({ unacknowledged: 5, full: 1 }));
    expect(held).toHaveLength(5);
    await vi.waitFor(() => {
      for (const { resolve } of held) resolve();
      expect(held.map(({ arrival }) => text(arrival))).toEqual(numbers(20));
    });
  });

  test("stored messages are marked retained; QoS 0 comes as such; oversized ones are marked", async () => {
    const port = await freePort();
    await mosquitto(port);
    const client = await sensor(port);
    await client.publishAsync("f/old", "1", { qos: 1, retain: true });
    const arrivals: Arrival[] = [];
    await inputAt(port, (arrival) => void arrivals.push(arrival));
    await vi.waitFor(() => expect(arrivals).toMatchObject([{ topic: "f/old", isRetained: true }]));
    await client.publishAsync("f/now", "2", { qos: 1, retain: true });
    await client.publishAsync("f/zero", "3", { qos: 0 });
    await client.publishAsync("f/two", "x".repeat(2000), { qos: 2 });
    await vi.waitFor(() =>
      expect(arrivals.slice(1)).toMatchObject([
        { topic: "f/now", isRetained: false, qos: 1, isOversized: false },
        { topic: "f/zero", qos: 0 },
        { topic: "f/two", qos: 1, isOversized: true },
      ]),
    );
  });

  test("retained readings come once for a session of MQTT 5; what machines answer, and what is in maintenance, each time", async () => {
    const port = await freePort();
    await mosquitto(port);
    const client = await sensor(port);
    for (const topic of ["f/old", "own/state"])
      await client.publishAsync(topic, "1", { qos: 1, retain: true });
    const options = { protocolVersion: 5, filters: ["f/#"], ownFilters: ["own/#"] } as const;
    const topics: string[] = [];
    const handler: InputHandler = async ({ topic }) => void topics.push(topic);
    const first = await inputAt(port, handler, options);
    await vi.waitFor(() => expect(topics.toSorted()).toEqual(["f/old", "own/state"]));
    await vi.waitFor(() => expect(first.status().counts.unacknowledged).toBe(0));
    await first.stop();
    topics.length = 0;
    await inputAt(port, handler, options);
    await client.publishAsync("f/new", "1", { qos: 1 });
    await vi.waitFor(() => expect(topics.toSorted()).toEqual(["f/new", "own/state"]));
  });

  test("commands go out acknowledged; without a connection they fail at once", async () => {
    const port = await freePort();
    await mosquitto(port);
    const input = await inputAt(port, () => {});
    const machine = await sensor(port);
    await machine.subscribeAsync("m/command", { qos: 1 });
    const received = new Promise<string>((resolve) =>
      machine.once("message", (_, payload) => resolve(payload.toString())),
    );
    await input.publish("m/command", "STOP", { qos: 1 });
    expect(await received).toBe("STOP");
    await input.stop();
    await expect(input.publish("m/command", "STOP", { qos: 1 })).rejects.toThrow(/not connected/);
  });

  test.each([4 as const, 5 as const])(
    "a command's correlation data goes out and comes back where the protocol has a place for it: version %i",
    async (protocolVersion) => {
      const port = await freePort();
      await mosquitto(port);
      const seen: (string | undefined)[] = [];
      const input = await inputAt(port, ({ correlation }) => void seen.push(correlation), {
        protocolVersion,
      });
      const machine = await sensor(port, { protocolVersion: 5 });
      await machine.subscribeAsync("m/command", { qos: 1 });
      const asked = new Promise<IPublishPacket["properties"]>((resolve) =>
        machine.once("message", (_topic, _payload, { properties }) => resolve(properties)),
      );
      const correlation = { data: "hot-1.1", responseTopic: "f/state" };
      await input.publish("m/command", "STOP", { qos: 1, correlation });
      const properties = await asked;
      expect(properties?.responseTopic).toBe(protocolVersion === 5 ? "f/state" : undefined);
      const { correlationData = Buffer.from("none") } = properties ?? {};
      await machine.publishAsync("f/state", "stopped", { qos: 1, properties: { correlationData } });
      await vi.waitFor(() => expect(seen).toEqual([protocolVersion === 5 ? "hot-1.1" : undefined]));
    },
  );

  test("of a message far greater than any may be only the beginning is in memory; it is acknowledged, and others go on", async () => {
    const port = await freePort();
    await mosquitto(port);
    const arrivals: { text: string; length: number; isOversized: boolean }[] = [];
    const input = await inputAt(port, (arrival) => {
      const { payload, isOversized } = arrival;
      arrivals.push({ text: text(arrival).slice(0, 5), length: payload.length, isOversized });
    });
    const machine = await sensor(port);
    await machine.publishAsync("f/big", Buffer.alloc(20_000_000, "x"), { qos: 1 });
    await machine.publishAsync("f/small", "after", { qos: 1 });
    await vi.waitFor(() => expect(arrivals).toHaveLength(2));
    expect(arrivals).toMatchObject([
      { text: "xxxxx", isOversized: true },
      { text: "after", isOversized: false },
    ]);
    expect(arrivals[0].length).toBeLessThan(200_000);
    expect(input.status().counts).toMatchObject({ connects: 1, acknowledged: 2, oversized: 1 });
  });

  test.each([
    [5 as const, [true, false]],
    [4 as const, [false, false]],
  ])(
    "what has waited in a session that goes on is told from what comes now: version %i",
    async (protocolVersion, expected) => {
      const port = await freePort();
      await mosquitto(port);
      const first = await inputAt(port, () => {}, { protocolVersion });
      await first.stop();
      const machine = await sensor(port);
      await machine.publishAsync("f/t", "95", { qos: 1 });
      const arrivals: Arrival[] = [];
      const random = { next: () => 0.25, hex: () => "" };
      await inputAt(port, (arrival) => void arrivals.push(arrival), { protocolVersion, random });
      await machine.publishAsync("f/t", "40", { qos: 1 });
      await vi.waitFor(() => expect(arrivals.map(text)).toEqual(["95", "40"]));
      expect(arrivals.map(({ mayBeOld = false }) => mayBeOld)).toEqual(expected);
    },
  );

  test("how long a command is valid is told to a broker of MQTT 5, which hands it to nobody later", async () => {
    const port = await freePort();
    await mosquitto(port);
    const input = await inputAt(port, () => {}, { protocolVersion: 5 });
    const machine = await sensor(port, { protocolVersion: 5 });
    await machine.subscribeAsync("m/command", { qos: 1 });
    const asked = new Promise<IPublishPacket["properties"]>((resolve) =>
      machine.once("message", (_topic, _payload, { properties }) => resolve(properties)),
    );
    await input.publish("m/command", "STOP", { qos: 1, validUntilMs: systemClock.nowMs() + 3_600_000 });
    const { messageExpiryInterval = 0 } = (await asked) ?? {};
    expect(messageExpiryInterval).toBeGreaterThan(3_500);
    expect(messageExpiryInterval).toBeLessThanOrEqual(3_600);
  });

  test("filters added later hold, also after the broker was restarted without its memory", async () => {
    const port = await freePort();
    const broker = await mosquitto(port);
    const topics: string[] = [];
    const input = await inputAt(port, ({ topic }) => void topics.push(topic));
    await input.follow({
      filters: ["f/#"],
      ownFilters: ["late/#"],
      commandFilters: [],
      sparkplugFilters: [],
    });
    await killed(broker);
    await vi.waitFor(() => expect(input.status().isConnected).toBe(false));
    await mosquitto(port);
    await vi.waitFor(() => expect(input.status().isConnected).toBe(true));
    const client = await sensor(port);
    await vi.waitFor(async () => {
      await client.publishAsync("late/t", "1", { qos: 1 });
      await client.publishAsync("f/t", "1", { qos: 1 });
      expect(new Set(topics)).toEqual(new Set(["late/t", "f/t"]));
    });
  });

  test("a link that gives nothing and does not end is given up, and what waited comes over the next", async () => {
    const port = await freePort();
    await mosquitto(port);
    const link = await TcpProxy.start({ host: "127.0.0.1", port });
    cleanups.push(() => link.stop());
    const arrivals: string[] = [];
    const input = await inputAt(link.port, (arrival) => void arrivals.push(text(arrival)), { keepaliveS: 1 });
    const client = await sensor(port);
    link.setMode("hung");
    await client.publishAsync("f/t", "1", { qos: 1 });
    await vi.waitFor(() => expect(input.status().isConnected).toBe(false));
    expect(input.status().counts).toMatchObject({ connects: 1, disconnects: 1 });
    link.setMode("open");
    await vi.waitFor(() => expect(arrivals).toEqual(["1"]));
  });

  test.each([4 as const, 5 as const])(
    "MQTT %s: other filters hold at once, on the same connection; what was left is heard no more",
    async (protocolVersion) => {
      const port = await freePort();
      await mosquitto(port);
      const topics: string[] = [];
      const input = await inputAt(port, ({ topic }) => void topics.push(topic), { protocolVersion });
      const client = await sensor(port);
      const publish = async () => {
        for (const topic of ["f/t", "g/t", "end"]) await client.publishAsync(topic, "1", { qos: 1 });
        await vi.waitFor(() => expect(topics).toContain("end"));
        return topics.splice(0);
      };
      await input.follow({
        filters: ["f/#", "g/#", "end"],
        ownFilters: [],
        commandFilters: [],
        sparkplugFilters: [],
      });
      expect(await publish()).toEqual(["f/t", "g/t", "end"]);
      await input.follow({ filters: ["g/+"], ownFilters: ["end"], commandFilters: [], sparkplugFilters: [] });
      expect(await publish()).toEqual(["g/t", "end"]);
      expect(input.status().counts).toMatchObject({ connects: 1, disconnects: 0 });
    },
  );

  test.each([4 as const, 5 as const])(
    "MQTT %s: two of a group share the readings, and each has every answer",
    async (protocolVersion) => {
      const port = await freePort();
      await mosquitto(port);
      const arrivals: Arrival[] = [];
      const options = {
        protocolVersion,
        sharedGroup: "agents",
        ownFilters: ["f/+/state"],
        filters: ["f/+/t"],
      };
      for (const clientId of ["one", "two"])
        await inputAt(port, (arrival) => void arrivals.push(arrival), {
          ...options,
          clientId,
          name: clientId,
        });
      const client = await sensor(port);
      for (const number of numbers(100)) await client.publishAsync("f/1/t", number, { qos: 1 });
      await client.publishAsync("f/1/state", "stopped", { qos: 1 });
      await vi.waitFor(() => expect(arrivals).toHaveLength(102));
      const readings = arrivals.filter(({ topic }) => topic === "f/1/t");
      expect(readings.map(text).toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(100));
      expect(new Set(readings.map((arrival) => arrival.client))).toEqual(new Set(["one", "two"]));
    },
  );

  test.each([4 as const, 5 as const])(
    "MQTT %s: after a start with other filters nothing comes of the former ones, which the session still held",
    async (protocolVersion) => {
      const port = await freePort();
      await mosquitto(port);
      const options = { protocolVersion, sessions: rememberedFilters() };
      await (await inputAt(port, () => {}, { ...options, filters: ["f/#"], ownFilters: ["s/#"] })).stop();
      const topics: string[] = [];
      const filters = ["g/#", "end"];
      await inputAt(port, ({ topic }) => void topics.push(topic), { ...options, filters });
      const client = await sensor(port);
      for (const topic of ["f/1", "s/1", "g/1", "end"]) await client.publishAsync(topic, "1", { qos: 1 });
      await vi.waitFor(() => expect(topics).toContain("end"));
      expect(topics).toEqual(["g/1", "end"]);
      expect(await options.sessions.read(`millrace-agent at mqtt://127.0.0.1:${port}`)).toEqual(filters);
    },
  );

  test("what was left while there was no connection is left at the next one", async () => {
    const port = await freePort();
    await mosquitto(port);
    const link = await TcpProxy.start({ host: "127.0.0.1", port });
    cleanups.push(() => link.stop());
    const topics: string[] = [];
    const input = await inputAt(link.port, ({ topic }) => void topics.push(topic));
    link.setMode("cut");
    await vi.waitFor(() => expect(input.status().isConnected).toBe(false));
    await input.follow({ filters: ["g/#", "end"], ownFilters: [], commandFilters: [], sparkplugFilters: [] });
    link.setMode("open");
    await vi.waitFor(() => expect(input.status().isConnected).toBe(true));
    const client = await sensor(port);
    for (const topic of ["f/1", "g/1", "end"]) await client.publishAsync(topic, "1", { qos: 1 });
    await vi.waitFor(() => expect(topics).toContain("end"));
    expect(topics).toEqual(["g/1", "end"]);
  });

  test("two agents that come to share what each had alone have every message once", async () => {
    const port = await freePort();
    await mosquitto(port);
    const agents = ["one", "two"].map((clientId) => ({ clientId, sessions: rememberedFilters() }));
    for (const agent of agents) await (await inputAt(port, () => {}, agent)).stop();
    const arrivals: string[] = [];
    const shared = { sharedGroup: "agents", ownFilters: ["end"] };
    for (const agent of agents)
      await inputAt(port, (arrival) => void arrivals.push(text(arrival)), { ...agent, ...shared });
    const client = await sensor(port);
    for (const number of numbers(10)) await client.publishAsync("f/1", number, { qos: 1 });
    await client.publishAsync("end", "end", { qos: 1 });
    await vi.waitFor(() => expect(arrivals.filter((each) => each === "end")).toHaveLength(2));
    expect(arrivals.toSorted()).toEqual([...numbers(10), "end", "end"]);
  });

  test("it shows a certificate to a broker that wants one", async () => {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "millrace-mosquitto-tls-"));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const { authority, serverCertificate, serverKey, agentCertificate, agentKey } = TEST_CERTIFICATES;
    const files = { cafile: authority, certfile: serverCertificate, keyfile: serverKey };
    for (const [name, pem] of Object.entries(files)) writeFileSync(join(folder, name), pem, { mode: 0o644 });
    chmodSync(folder, 0o755);
    await mosquitto(port, [
      ...Object.keys(files).map((name) => `${name} ${join(folder, name)}`),
      "require_certificate true",
    ]);
    const own = { url: `mqtts://127.0.0.1:${port}`, ca: authority, cert: agentCertificate, key: agentKey };
    const arrivals: Arrival[] = [];
    const input = await inputAt(port, (arrival) => void arrivals.push(arrival), own);
    await input.publish("f/t", "1", { qos: 1 });
    await vi.waitFor(() => expect(arrivals.map(text)).toEqual(["1"]));
    const stranger = new MqttInput({ ...optionsAt(port), url: own.url, ca: authority, clientId: "stranger" });
    cleanups.push(() => stranger.stop());
    await stranger.start(() => {});
    await vi.waitFor(() => expect(stranger.status().counts["disconnects"]).toBeGreaterThan(0));
    expect(stranger.status().isConnected).toBe(false);
  });
});

test("a broker whose certificate's authority is not known: the setting is named, and no flag of Node's", async () => {
  const { serverCertificate: cert, serverKey: key } = TEST_CERTIFICATES;
  const server = createTlsServer({ cert, key }, (socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const input = new MqttInput({ ...optionsAt(port), url: `mqtts://localhost:${port}` });
  cleanups.push(() => input.stop());
  await input.start(() => {});
  await vi.waitFor(() => expect(input.status().reason).toContain("let inputs.mqtt.ca name"));
});

test("an address that cannot be one is refused at the start", async () => {
  await expect(inputAt(1, () => {}, { url: "http://somewhere" })).rejects.toThrow(/mqtt:\/\//);
});

test("what stands behind junk, of any quality of service, ends the connection and nothing else", async () => {
  // Accepted, messages with QoS 1 and 2, a release, and bytes that are no packet, at once.
  const junk = ["20020000", "32050001610001", "34050001610002", "62020002", "ffffffffff"].join("");
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on("error", () => {});
    socket.once("data", () => socket.write(Buffer.from(junk, "hex")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  const address = server.address();
  const input = new MqttInput(optionsAt(typeof address === "object" ? (address?.port ?? 0) : 0));
  cleanups.push(() => input.stop());
  const arrivals: Arrival[] = [];
  await input.start((arrival) => void arrivals.push(arrival));
  // It goes on trying.
  await vi.waitFor(() => expect(connections).toBeGreaterThanOrEqual(3));
  expect(input.status()).toMatchObject({ isConnected: false });
  expect(input.status().counts["disconnects"]).toBeGreaterThanOrEqual(2);
  expect(arrivals).toEqual([]);
});
