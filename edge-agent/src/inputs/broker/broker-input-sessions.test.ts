// Persistent sessions at the embedded broker: what was refused stays refused, commands wait for who is away, and none of it
// grows without end. Real sockets, real clients.
import { mqttPacket } from "@millrace/testkit";
import { connect, type IClientOptions, type MqttClient } from "mqtt";
import { expect, test, vi } from "vitest";
import type { BrokerInput } from "./broker-input.ts";
import { brokerWith, cleanups, rawSocket, sensor } from "./broker-input.test-support.ts";
import type { Arrival } from "../input.ts";

const spy = { user: "spy", password: "a", publish: [], subscribe: ["cmd/spy"] };
const owner = { user: "owner", password: "b", publish: ["#"], subscribe: ["#"] };
const login = (user: string, password: string) => ({ username: user, password });

/** A client whose messages are seen from its first on. */
function returning(input: BrokerInput, options: IClientOptions): { client: MqttClient; seen: string[] } {
  const client = connect({
    protocol: "mqtt",
    host: "127.0.0.1",
    port: input.port,
    reconnectPeriod: 0,
    ...options,
  });
  const seen: string[] = [];
  client.on("message", (topic, payload) => seen.push(`${topic} ${payload.toString()}`));
  client.on("error", () => {});
  cleanups.push(() => client.endAsync(true));
  return { client, seen };
}

const refused = (client: MqttClient, filter: string, qos: 0 | 1 | 2 = 1) =>
  expect(client.subscribeAsync(filter, { qos })).rejects.toThrow();

test("a refused subscription delivers nothing, after its session has gone on either, and keeps nothing", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"], users: [spy, owner] });
  const first = await sensor(input, { clientId: "spy", clean: false, ...login("spy", "a") });
  await first
    .subscribeAsync({
      "cmd/spy": { qos: 1 },
      "cmd/other": { qos: 1 },
      "secret/#": { qos: 0 },
      "#": { qos: 1 },
    })
    .catch(() => {});
  await first.endAsync();
  const other = await sensor(input, login("owner", "b"));
  await other.subscribeAsync("#", { qos: 0 });
  await other.publishAsync("secret/recipe", "hush", { qos: 1 });
  await other.publishAsync("cmd/other", "hush", { qos: 1 });
  await other.publishAsync("cmd/spy", "1", { qos: 1 });
  expect(input.status().counts).toMatchObject({ queued_messages: 1, refused_subscriptions: 3 });
  const { seen } = returning(input, { clientId: "spy", clean: false, ...login("spy", "a") });
  await vi.waitFor(() => expect(seen).toEqual(["cmd/spy 1"]));
  await other.publishAsync("secret/recipe", "hush", { qos: 1 });
  await other.publishAsync("cmd/spy", "2", { qos: 1 });
  await vi.waitFor(() => expect(seen).toEqual(["cmd/spy 1", "cmd/spy 2"]));
});

test("what waits in a session goes to no other user who comes with its client id, and holds up nothing", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"], users: [spy, owner] });
  const machine = await sensor(input, { clientId: "machine", clean: false, ...login("owner", "b") });
  await machine.subscribeAsync("cmd/+", { qos: 1 });
  await machine.endAsync();
  for (let number = 0; number < 40; number += 1) await input.publish("cmd/machine", "STOP", { qos: 1 });
  await input.publish("cmd/spy", "1", { qos: 1 });
  const { client, seen } = returning(input, { clientId: "machine", clean: false, ...login("spy", "a") });
  await vi.waitFor(() => expect(seen).toEqual(["cmd/spy 1"]));
  await client.subscribeAsync("cmd/spy", { qos: 1 });
  await input.publish("cmd/machine", "STOP", { qos: 1 });
  await input.publish("cmd/spy", "2", { qos: 1 });
  await vi.waitFor(() => expect(seen).toEqual(["cmd/spy 1", "cmd/spy 2"]));
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ queued_messages: 0 }));
});

test("a persistent session may subscribe with QoS 1 where all topics are commands, not where some are", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"] });
  const client = await sensor(input, { clientId: "p", clean: false });
  await refused(client, "cmd/#");
  await refused(client, "+/x");
  await client.subscribeAsync("cmd/#", { qos: 0 });
  await client.subscribeAsync("cmd/+", { qos: 1 });
});

test("what a session may no longer subscribe to goes when it goes on; a refused request changes nothing of it", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"] });
  const first = await sensor(input, { clientId: "p", clean: false });
  await first.subscribeAsync({ "cmd/p": { qos: 1 }, "cmd/#": { qos: 0 } });
  await refused(first, "cmd/#");
  await first.endAsync();
  await input.follow({ filters: [], ownFilters: [], commandFilters: ["other/+"], sparkplugFilters: [] });
  const again = returning(input, { clientId: "p", clean: false });
  await new Promise((resolve) => again.client.once("connect", resolve));
  await input.publish("cmd/p", "1", { qos: 1 });
  // By cmd/#, with QoS 0.
  await vi.waitFor(() => expect(again.seen).toEqual(["cmd/p 1"]));
  expect(input.status().counts).toMatchObject({ sessions: 1, queued_messages: 0, refused_subscriptions: 2 });
});

test("commands wait for a machine that is away, the newest 1,000 of them, and come in order", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"] });
  const machine = await sensor(input, { clientId: "machine", clean: false });
  await machine.subscribeAsync("cmd/machine", { qos: 1 });
  await machine.endAsync();
  await Promise.all(
    Array.from({ length: 1_100 }, (_, number) => input.publish("cmd/machine", String(number), { qos: 1 })),
  );
  expect(input.status().counts).toMatchObject({ sessions: 1, queued_messages: 1_000, queued_dropped: 100 });
  const { seen } = returning(input, { clientId: "machine", clean: false });
  const newest = Array.from({ length: 1_000 }, (_, index) => `cmd/machine ${100 + index}`);
  await vi.waitFor(() => expect(seen).toEqual(newest));
  await vi.waitFor(() =>
    expect(input.status().counts).toMatchObject({ queued_messages: 0, queued_bytes: 0 }),
  );
});

test("a clean session ends the one before, with all that waited in it", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"] });
  const machine = await sensor(input, { clientId: "machine", clean: false });
  await machine.subscribeAsync("cmd/machine", { qos: 1 });
  await machine.endAsync();
  await input.publish("cmd/machine", "STOP", { qos: 1 });
  expect(input.status().counts).toMatchObject({ sessions: 1, queued_messages: 1 });
  await sensor(input, { clientId: "machine" });
  expect(input.status().counts).toMatchObject({ sessions: 0, queued_messages: 0 });
});

test("sessions of clients that do not come back are forgotten, the longest away first; empty ones at once", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"], sessionsMax: 2 });
  for (const number of [1, 2, 3, 4]) {
    const client = await sensor(input, { clientId: `ghost-${number}`, clean: false });
    if (number !== 4) await client.subscribeAsync(`cmd/${number}`, { qos: 1 });
    await client.endAsync();
  }
  await vi.waitFor(() =>
    expect(input.status().counts).toMatchObject({ clients: 0, sessions: 2, sessions_forgotten: 1 }),
  );
  await input.publish("cmd/1", "STOP", { qos: 1 });
  await input.publish("cmd/3", "STOP", { qos: 1 });
  expect(input.status().counts).toMatchObject({ queued_messages: 1 });
});

test("a QoS 2 message that comes again before its release, on another connection or not, is delivered once", async () => {
  const arrivals: Arrival[] = [];
  const input = await brokerWith((arrival) => void arrivals.push(arrival));
  const panel = returning(input, { clientId: "panel" });
  await new Promise((resolve) => panel.client.once("connect", resolve));
  await panel.client.subscribeAsync("t", { qos: 0 });
  // Persistent client "l"; PUBLISH to t with QoS 2 and id 1; PUBREL of id 1.
  const hello = Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0, 0, 0, 0, 1, 0x6c]);
  const publish = Buffer.from([0x34, 6, 0, 1, 0x74, 0, 1, 0x31]);
  const pubrel = Buffer.from([0x62, 2, 0, 1]);
  for (const round of [1, 2, 3]) {
    const socket = rawSocket(input);
    const answers: number[] = [];
    socket.on("data", (chunk: Buffer) => answers.push(...chunk));
    socket.write(Buffer.concat([hello, publish]));
    const expected = [0x20, 2, 0, 0, 0x50, 2, 0, 1];
    await vi.waitFor(() => expect(answers).toEqual(expected));
    socket.write(publish);
    expected.push(0x50, 2, 0, 1);
    await vi.waitFor(() => expect(answers).toEqual(expected));
    if (round === 2) {
      socket.write(pubrel);
      await vi.waitFor(() => expect(answers).toEqual([...expected, 0x70, 2, 0, 1]));
    }
    expect(input.status().counts).toMatchObject({ bytes_in_hand: 0 });
    socket.destroy();
    await vi.waitFor(() => expect(input.status().counts).toMatchObject({ clients: 1 }));
  }
  await vi.waitFor(() => expect(panel.seen).toEqual(["t 1", "t 1"]));
});

test("a client has 1,000 subscriptions at most; those beyond are refused and counted", async () => {
  const input = await brokerWith(() => {});
  const client = await sensor(input);
  const filters = Array.from({ length: 1_100 }, (_, number) => `f/${number}`);
  await client.subscribeAsync(filters, { qos: 0 }).catch(() => {});
  expect(input.status().counts).toMatchObject({ refused_subscriptions: 100 });
  await client.unsubscribeAsync(filters.slice(0, 200));
  await client.subscribeAsync(filters.slice(1_000), { qos: 0 });
  expect(input.status().counts).toMatchObject({ refused_subscriptions: 100 });
});

test.each([true, false])(
  "a command that a reading causes reaches a machine that is handed the reading, too (clean session: %s)",
  async (clean) => {
    const input = await brokerWith(
      ({ topic }) => (topic === "m/t" ? void input.publish("cmd/m", "STOP", { qos: 1 }) : undefined),
      { commandFilters: ["cmd/+"] },
    );
    const { client, seen } = returning(input, { clientId: "m", clean });
    await new Promise((resolve) => client.once("connect", resolve));
    await client.subscribeAsync({ "m/t": { qos: 0 }, "cmd/m": { qos: 1 } });
    const probe = await sensor(input);
    await probe.publishAsync("m/t", "95", { qos: 0 });
    await vi.waitFor(() => expect(seen).toEqual(["cmd/m STOP", "m/t 95"]));
    await vi.waitFor(() => expect(input.status().counts).toMatchObject({ queued_messages: 0 }));
  },
);

test("messages of one publisher that go different ways through the broker all reach who subscribes to them", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"] });
  const { client, seen } = returning(input, { clientId: "m", clean: false });
  await new Promise((resolve) => client.once("connect", resolve));
  await client.subscribeAsync({ "t/#": { qos: 0 }, "cmd/m": { qos: 1 } });
  const socket = rawSocket(input);
  socket.write(mqttPacket(0x10, "MQTT", Uint8Array.of(4, 2, 0, 0), "p"));
  await new Promise((resolve) => socket.once("data", resolve));
  // Retained with QoS 0, to a command's topic with QoS 1, and neither, in one piece.
  socket.write(
    Buffer.concat([
      mqttPacket(0x31, "t/1", Buffer.from("1")),
      mqttPacket(0x32, "cmd/m", Buffer.from([0, 1]), Buffer.from("2")),
      mqttPacket(0x30, "t/3", Buffer.from("3")),
    ]),
  );
  await vi.waitFor(() => expect(seen).toEqual(["t/1 1", "cmd/m 2", "t/3 3"]));
});

test("a command waits until it is acknowledged, though the machine is handed it by two of its filters", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"] });
  const first = returning(input, { clientId: "m", clean: false });
  // It acknowledges nothing.
  first.client.handleMessage = () => {};
  await new Promise((resolve) => first.client.once("connect", resolve));
  await first.client.subscribeAsync({ "cmd/+": { qos: 1 }, "cmd/m": { qos: 1 } });
  const handed = new Promise<void>((resolve) =>
    first.client.on("packetreceive", ({ cmd }) => cmd === "publish" && resolve()),
  );
  await input.publish("cmd/m", "STOP", { qos: 1 });
  await handed;
  expect(input.status().counts).toMatchObject({ queued_messages: 1 });
  await first.client.endAsync(true);
  const again = returning(input, { clientId: "m", clean: false });
  await vi.waitFor(() => expect(again.seen).toEqual(["cmd/m STOP"]));
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ queued_messages: 0 }));
});

test("a command that a machine was handed by a filter with QoS 0 does not wait by its other one", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["cmd/+"] });
  const machine = returning(input, { clientId: "m", clean: false });
  await new Promise((resolve) => machine.client.once("connect", resolve));
  await machine.client.subscribeAsync({ "#": { qos: 0 }, "cmd/m": { qos: 1 }, "cmd/#": { qos: 0 } });
  await input.publish("cmd/m", "STOP", { qos: 1 });
  await vi.waitFor(() => expect(machine.seen).toEqual(["cmd/m STOP"]));
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ queued_messages: 0 }));
});
