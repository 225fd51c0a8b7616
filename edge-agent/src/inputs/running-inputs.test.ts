// Inputs that run while their configuration changes: what stays keeps its connections, what cannot start leaves all as it was.
import { createServer, type Server } from "node:net";
import type { AgentConfig } from "@millrace/config";
import { MemoryLogger, systemClock, systemRandom } from "@millrace/runtime";
import { freePort, SimulatedTime, TcpProxy } from "@millrace/testkit";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, expect, test, vi } from "vitest";
import { BrokerInput } from "./broker/broker-input.ts";
import type { ReadingInput, Subscriptions } from "./input.ts";
import { MqttInput } from "./mqtt-input.ts";
import { type InputsConfig, RunningInputs } from "./running-inputs.ts";
import { SparkplugPresence } from "./sparkplug-presence.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const world = { clock: systemClock, random: systemRandom, log: new MemoryLogger(), payloadBytesMax: 1_000 };
const to = (...filters: string[]): Subscriptions => ({
  filters,
  ownFilters: [],
  commandFilters: [],
  sparkplugFilters: [],
});
type BrokerConfig = NonNullable<AgentConfig["inputs"]["broker"]>;

function brokerConfig(port: number, more: Partial<BrokerConfig> = {}): BrokerConfig {
  const sessions = {
    sessionsMax: 10,
    sessionExpiryMs: 60_000,
    sessionQueueMax: 10,
    sessionQueueBytesMax: 10_000,
    mustTakeCommands: false,
  };
  const bounds = { clientsMax: 10, connectsPerSecondMax: 100, retainedMax: 10, payloadBytesMax: 1_000 };
  return { host: "127.0.0.1", port, users: [], tls: null, ...sessions, ...bounds, ...more };
}

const inputsOf = (more: Partial<InputsConfig>): InputsConfig => ({
  broker: null,
  mqtt: null,
  http: null,
  files: [],
  host: null,
  ...more,
});

function runningInputs(log = new MemoryLogger(), clock = systemClock) {
  const topics: string[] = [];
  const files: string[] = [];
  const running = new RunningInputs({
    maker: {
      broker: ({ broker }, { commandFilters }) =>
        broker && new BrokerInput({ ...world, ...broker, name: "broker", commandFilters }),
      mqtt: ({ mqtt }, subscriptions) =>
        mqtt && new MqttInput({ ...world, ...mqtt, ...subscriptions, name: "mqtt" }),
      http: () => null,
      files: ({ files: list }): ReadingInput | null =>
        list.length === 0
          ? null
          : {
              name: "files",
              start: async () => void files.push("start"),
              stop: async () => void files.push("stop"),
              status: () => ({ name: "files", isConnected: true, reason: null, counts: {} }),
            },
      startHost: () => null,
    },
    handler: ({ topic }) => void topics.push(topic),
    subscriptions: to("f/#"),
    clock,
    log,
  });
  cleanups.push(() => running.stop());
  return { running, topics, files };
}

async function client(port: number): Promise<MqttClient> {
  const made = await connectAsync({ protocol: "mqtt", host: "127.0.0.1", port, reconnectPeriod: 0 });
  made.on("error", () => undefined);
  cleanups.push(() => made.endAsync(true));
  return made;
}

async function taken(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  return server;
}

test("an input that stays as it is keeps its connections, whatever comes and goes beside it", async () => {
  const { running, topics, files } = runningInputs();
  const broker = brokerConfig(await freePort());
  const file = {
    path: "/x",
    topic: TEMPLATE,
    format: { kind: "lines" },
    start: "end",
    intervalMs: 1,
  } as const;
  await running.change(inputsOf({ broker }));
  const sensor = await client(broker.port);
  const closed = vi.fn();
  sensor.on("close", closed);
  const withFiles = inputsOf({ broker: { ...broker }, files: [file] });
  await running.change(withFiles);
  await running.follow(to("g/#"));
  await running.change(inputsOf({ broker }));
  await sensor.publishAsync("f/t", "1", { qos: 1 });
  expect([topics, files]).toEqual([["f/t"], ["start", "stop"]]);
  expect(running.all.map(({ name }) => name)).toEqual(["broker"]);
  expect(closed).not.toHaveBeenCalled();
});

test("where the agent commands is known anew, also of topics that were heard before", async () => {
  const { running } = runningInputs();
  const broker = brokerConfig(await freePort());
  await running.change(inputsOf({ broker }));
  const sensor = await client(broker.port);
  const publish = () => sensor.publishAsync("m/command", "1", { qos: 1 });
  const counted = () => running.all[0].status().counts["command_topic_publishes"];
  await publish();
  await running.follow({ filters: [], ownFilters: [], commandFilters: ["m/command"], sparkplugFilters: [] });
  await publish();
  expect(counted()).toBe(1);
  await running.follow(to("f/#"));
  await publish();
  expect(counted()).toBe(1);
});

test("where one cannot start, all is as it was: what was stopped for it stands again", async () => {
  const { running, topics } = runningInputs();
  const [port, other] = [await freePort(), await freePort()];
  await running.change(inputsOf({ broker: brokerConfig(port) }));
  await taken(other);
  await expect(running.change(inputsOf({ broker: brokerConfig(other) }))).rejects.toThrow(/cannot listen on/);
  const sensor = await client(port);
  await sensor.publishAsync("f/t", "1", { qos: 1 });
  expect(topics).toEqual(["f/t"]);
  expect(running.all.map((input) => input.status())).toMatchObject([{ name: "broker", isConnected: true }]);
});

test("one that is added and cannot start leaves nothing behind", async () => {
  const { running } = runningInputs();
  const port = await freePort();
  await taken(port);
  await expect(running.change(inputsOf({ broker: brokerConfig(port) }))).rejects.toThrow(/cannot listen on/);
  expect([running.all, running.brokers]).toEqual([[], []]);
});

test("one that cannot be started again as it was is tried on until it stands", async () => {
  const time = new SimulatedTime(0);
  const log = new MemoryLogger();
  const { running } = runningInputs(log, time.clock());
  const [port, other] = [await freePort(), await freePort()];
  await running.change(inputsOf({ broker: brokerConfig(port) }));
  await taken(other);
  // Its port is taken in the moment in which it is free.
  let thief: Server | undefined;
  const stopped = running.all[0].stop.bind(running.all[0]);
  running.all[0].stop = async () => {
    await stopped();
    thief = await taken(port);
  };
  await expect(running.change(inputsOf({ broker: brokerConfig(other) }))).rejects.toThrow(/cannot listen on/);
  expect(running.all.map((input) => input.status())).toMatchObject([
    { isConnected: false, reason: "not running" },
  ]);
  expect(log.lines.at(-1)).toMatchObject({ level: "error", fields: { input: "broker" } });
  await new Promise((resolve) => thief?.close(resolve));
  await time.run(5_000);
  await vi.waitFor(() => expect(running.all.map((input) => input.status().isConnected)).toEqual([true]));
});

test("a client of a site's broker follows other topics on the same connection, or none of them", async () => {
  const site = new BrokerInput({
    ...world,
    ...brokerConfig(0, {
      users: [{ user: "agent", password: "x", publish: ["#"], subscribe: ["f/#", "g/#"] }],
    }),
    name: "site",
    // A kept session may hear of these alone.
    commandFilters: ["#"],
  });
  await site.start(() => undefined);
  cleanups.push(() => site.stop());
  const { running, topics } = runningInputs();
  const mqtt = {
    url: `mqtt://127.0.0.1:${site.port}`,
    clientId: "agent",
    username: "agent",
    password: "x",
    protocolVersion: 4,
    ca: null,
    cert: null,
    key: null,
    sharedGroup: null,
    mustTakeCommands: false,
  } as const;
  await running.change(inputsOf({ mqtt }));
  await vi.waitFor(() => expect(running.all[0].status().isConnected).toBe(true));
  const publish = async (...wanted: string[]) => {
    for (const topic of wanted) await site.publish(topic, "1", { qos: 1 });
    await site.publish("f/end", "1", { qos: 1 });
    await vi.waitFor(() => expect(topics).toContain("f/end"));
    return topics.splice(0);
  };
  expect(await publish("f/1", "g/1", "h/1")).toEqual(["f/1", "f/end"]);
  await running.follow(to("f/#", "g/#"));
  expect(await publish("f/1", "g/1", "h/1")).toEqual(["f/1", "g/1", "f/end"]);
  await expect(running.follow(to("f/#", "h/#"))).rejects.toThrow(/^cannot subscribe to h\/#: /);
  expect(await publish("f/1", "g/1", "h/1")).toEqual(["f/1", "g/1", "f/end"]);
  expect(running.all[0].status()).toMatchObject({
    isConnected: true,
    counts: { connects: 1, disconnects: 0 },
  });
});

test("a Sparkplug host comes with the first filter of it and goes with the last, on both brokers", async () => {
  const presence = () => new SparkplugPresence({ hostId: "host", clock: systemClock });
  const site = new BrokerInput({ ...world, ...brokerConfig(0), name: "site", commandFilters: ["#"] });
  await site.start(() => undefined);
  cleanups.push(() => site.stop());
  const heard: string[] = [];
  const own = brokerConfig(await freePort());
  const running = new RunningInputs({
    maker: {
      broker: ({ broker }, { commandFilters, sparkplugFilters }) => {
        const isSparkplugHost = sparkplugFilters.length > 0;
        const host = { presence: presence(), isSparkplugHost };
        return broker && new BrokerInput({ ...world, ...broker, ...host, name: "broker", commandFilters });
      },
      mqtt: ({ mqtt }, subscriptions) =>
        mqtt && new MqttInput({ ...world, ...mqtt, ...subscriptions, name: "mqtt" }),
      sparkplug: ({ mqtt }, { sparkplugFilters: filters }) =>
        mqtt === null || filters.length === 0
          ? null
          : new MqttInput({
              ...world,
              ...mqtt,
              clientId: "host",
              filters,
              name: "sparkplug",
              presence: presence(),
            }),
      http: () => null,
      files: () => null,
      startHost: () => null,
    },
    handler: ({ topic, client: from }) => void heard.push(`${from}: ${topic}`),
    subscriptions: to("f/#"),
    clock: systemClock,
    log: new MemoryLogger(),
  });
  cleanups.push(() => running.stop());
  const states: string[] = [];
  const watch = async (port: number, name: string) => {
    const node = await client(port);
    node.on("message", (_topic, payload) => states.push(`${name} ${JSON.parse(payload.toString()).online}`));
    await node.subscribeAsync("spBv1.0/STATE/host");
    return node;
  };
  const url = `mqtt://127.0.0.1:${site.port}`;
  const secure = { ca: null, cert: null, key: null, username: null, password: null };
  const mqtt = {
    url,
    clientId: "agent",
    protocolVersion: 4,
    sharedGroup: null,
    mustTakeCommands: false,
    ...secure,
  } as const;
  await running.change(inputsOf({ broker: own, mqtt }));
  const node = await watch(site.port, "site");
  await watch(own.port, "own");
  const host = (...sparkplugFilters: string[]): Subscriptions => ({ ...to("f/#"), sparkplugFilters });

  await running.follow(host("spBv1.0/+/+/n1/#"));
  await vi.waitFor(() => expect(states.toSorted()).toEqual(["own true", "site true"]));
  expect(running.all.map(({ name }) => name)).toEqual(["broker", "mqtt", "sparkplug"]);
  await running.follow(host("spBv1.0/+/+/n2/#"));
  await node.publishAsync("spBv1.0/g/NDATA/n1", "", { qos: 1 });
  await node.publishAsync("spBv1.0/g/NDATA/n2", "", { qos: 1 });
  await vi.waitFor(() => expect(heard).toEqual(["sparkplug: spBv1.0/g/NDATA/n2"]));
  expect(states).toHaveLength(2);

  await running.follow(host());
  await vi.waitFor(() => expect(states.slice(2).toSorted()).toEqual(["own false", "site false"]));
  expect(running.all.map(({ name }) => name)).toEqual(["broker", "mqtt"]);
  await running.change(inputsOf({ broker: own }));
  await running.follow(host("spBv1.0/+/+/n1/#"));
  expect(running.all.map(({ name }) => name)).toEqual(["broker"]);
});

test("a filter that the broker refuses after a reload without connection is told, and the others work", async () => {
  const time = new SimulatedTime(0);
  const subscribe = ["f/#", "g/#"];
  const site = new BrokerInput({
    ...world,
    ...brokerConfig(0, { users: [{ user: "agent", password: "x", publish: ["#"], subscribe }] }),
    name: "site",
    commandFilters: ["#"],
  });
  await site.start(() => undefined);
  cleanups.push(() => site.stop());
  const link = await TcpProxy.start({ host: "127.0.0.1", port: site.port });
  cleanups.push(() => link.stop());
  const topics: string[] = [];
  const input = new MqttInput({
    ...world,
    clock: time.clock(),
    name: "mqtt",
    url: `mqtt://127.0.0.1:${link.port}`,
    clientId: "agent",
    username: "agent",
    password: "x",
    filters: ["f/#"],
  });
  await input.start(({ topic }) => void topics.push(topic));
  cleanups.push(() => input.stop());
  await vi.waitFor(() => expect(input.status().isConnected).toBe(true));
  link.setMode("cut");
  await vi.waitFor(() => expect(input.status().isConnected).toBe(false));
  await input.follow(to("g/#", "h/#"));
  link.setMode("open");
  // It connects again; for its answers the broker then has all the time that it takes.
  await time.run(1_000);
  await vi.waitFor(() =>
    expect(input.status()).toMatchObject({ isConnected: true, reason: "the broker refuses h/#" }),
  );
  for (const topic of ["f/1", "g/1", "h/1", "g/end"]) await site.publish(topic, "1", { qos: 1 });
  await vi.waitFor(() => expect(topics).toContain("g/end"));
  expect(topics).toEqual(["g/1", "g/end"]);
  expect(input.status().counts).toMatchObject({ connects: 2, disconnects: 1 });
  // The broker's rights change without a word; the filter is asked for again.
  subscribe.push("h/#");
  await time.run(60_000);
  await vi.waitFor(() => expect(input.status()).toMatchObject({ isConnected: true, reason: null }));
  await site.publish("h/1", "1", { qos: 1 });
  await vi.waitFor(() => expect(topics).toContain("h/1"));
});

const TEMPLATE = { text: "x", filter: "x", captures: [], match: () => undefined, fill: () => undefined };
