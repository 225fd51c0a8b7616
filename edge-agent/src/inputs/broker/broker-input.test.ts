// The embedded broker: PUBACK means durable, limits hold, and commands reach the machines. Real sockets, real clients.
import { connect as connectSocket } from "node:net";
import { MemoryLogger, systemClock } from "@millrace/runtime";
import { freePort, mqttPacket, SimulatedTime, TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, test, vi } from "vitest";
import { brokerWith, cleanups, holdingHandler, rawSocket, sensor } from "./broker-input.test-support.ts";
import type { Junk } from "../junk.ts";
import type { Arrival } from "../input.ts";
import { SparkplugPresence } from "../sparkplug-presence.ts";

const text = (arrival: Arrival | undefined): string => Buffer.from(arrival?.payload ?? []).toString();

test("a QoS 1 message is acknowledged when it is durable, many in one commit, in order of arrival", async () => {
  const { handler, held } = holdingHandler();
  const client = await sensor(await brokerWith(handler));
  const acknowledged: number[] = [];
  for (const number of [0, 1, 2, 3, 4])
    client.publish("t", String(number), { qos: 1 }, () => acknowledged.push(number));
  await vi.waitFor(() => expect(held).toHaveLength(5));
  expect(acknowledged).toEqual([]);
  expect(held.map(({ arrival }) => text(arrival))).toEqual(["0", "1", "2", "3", "4"]);
  for (const { resolve } of [...held].reverse()) resolve();
  await vi.waitFor(() => expect(acknowledged).toEqual([0, 1, 2, 3, 4]));
});

test("a message that could not be made durable is not acknowledged: its client is cut off", async () => {
  const { handler, held } = holdingHandler();
  const input = await brokerWith(handler);
  const client = await sensor(input);
  let isAcknowledged = false;
  client.publish("t", "1", { qos: 1 }, (error) => (isAcknowledged ||= error == null));
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  await vi.waitFor(() => expect(held).toHaveLength(1));
  held[0].reject(new Error("disk full"));
  await closed;
  expect(isAcknowledged).toBe(false);
  expect(input.status().counts).toMatchObject({ commit_failures: 1 });
  const other = await sensor(input);
  const published = other.publishAsync("t", "2", { qos: 1 });
  await vi.waitFor(() => expect(held).toHaveLength(2));
  held[1].resolve();
  await published;
});

test("QoS 0 is not held up; QoS 2 is taken once", async () => {
  const arrivals: Arrival[] = [];
  const client = await sensor(
    await brokerWith((arrival) => {
      arrivals.push(arrival);
      return arrival.qos === 0 ? new Promise(() => {}) : undefined;
    }),
  );
  for (let number = 0; number < 100; number++) client.publish("t", "0", { qos: 0 });
  await client.publishAsync("t", "2", { qos: 2 });
  expect(arrivals.filter(({ qos }) => qos === 0)).toHaveLength(100);
  expect(arrivals.filter(({ qos }) => qos === 2).map(text)).toEqual(["2"]);
});

test("a publish with the retain flag is retained, though fresh, even where the broker keeps no more; a will arrives like any message", async () => {
  const arrivals: Arrival[] = [];
  const input = await brokerWith(
    (arrival) => {
      arrivals.push(arrival);
    },
    { retainedMax: 0 },
  );
  const client = await sensor(input, {
    will: { topic: "t/will", payload: Buffer.from("gone"), qos: 1, retain: false },
  });
  await client.publishAsync("t", "1", { qos: 1, retain: true });
  expect(arrivals).toMatchObject([
    { topic: "t", isRetained: true, isFresh: true, qos: 1, client: client.options.clientId },
  ]);
  client.stream.destroy();
  await vi.waitFor(() => expect(arrivals.map(({ topic }) => topic)).toEqual(["t", "t/will"]));
});

test("a client without a name of its own goes by the address that it comes from", async () => {
  const arrivals: Arrival[] = [];
  const input = await brokerWith((arrival) => {
    arrivals.push(arrival);
  });
  const client = await sensor(input, { clientId: "" });
  await client.publishAsync("t", "1", { qos: 1 });
  expect(arrivals).toMatchObject([{ client: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }]);
});

test("an oversized payload is handed over as such and acknowledged; a huge packet closes its connection", async () => {
  const arrivals: Arrival[] = [];
  const input = await brokerWith(
    (arrival) => {
      arrivals.push(arrival);
    },
    { packetBytesMax: 100_000 },
  );
  const client = await sensor(input);
  await client.publishAsync("t", "x".repeat(2000), { qos: 1 });
  expect(arrivals).toMatchObject([{ isOversized: true }]);
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  client.publish("t", "x".repeat(200_000), { qos: 1 }, () => {});
  await closed;
  expect(arrivals).toHaveLength(1);
  await (await sensor(input)).publishAsync("t", "1", { qos: 1 });
  expect(arrivals).toHaveLength(2);
});

test("commands reach their subscribers, unretained; a sensor's publish there is counted", async () => {
  const input = await brokerWith(() => {}, { commandFilters: ["f/+/command"] });
  const machine = await sensor(input, { clean: false, clientId: "machine" });
  await expect(machine.subscribeAsync({ "f/m0/temperature": { qos: 1 } })).rejects.toThrow();
  await machine.subscribeAsync({ "f/m0/command": { qos: 1 }, "f/#": { qos: 0 } });
  const received = new Promise<{ payload: string; qos: number; retain: boolean }>((resolve) =>
    machine.once("message", (_, payload, packet) =>
      resolve({ payload: payload.toString(), qos: packet.qos, retain: packet.retain }),
    ),
  );
  await input.publish("f/m0/command", "STOP", { qos: 1 });
  expect(await received).toMatchObject({ payload: "STOP", retain: false });
  await machine.publishAsync("f/m0/command", "STOP", { qos: 1 });
  expect(input.status().counts).toMatchObject({ command_topic_publishes: 1 });
});

test("retained messages are kept within their bytes, oversized ones never; the others are delivered and counted", async () => {
  const input = await brokerWith(() => {}, { retainedBytesMax: 2_500 });
  const client = await sensor(input);
  const retain = (topic: string, bytes: number) =>
    client.publishAsync(topic, "x".repeat(bytes), { qos: 1, retain: true });
  await retain("t/oversized", 1_001);
  for (const number of [1, 2, 3]) await retain(`t/${number}`, 1_000);
  expect(input.status().counts).toMatchObject({ refused_retained: 2, messages: 4 });
  // Shorter, and gone: both make room.
  await retain("t/1", 400);
  await retain("t/2", 0);
  await retain("t/4", 1_000);
  await retain("t/5", 1_000);
  const kept = new Map<string, number>();
  const late = await sensor(input);
  late.on("message", (topic, payload) => kept.set(topic, payload.length));
  await late.subscribeAsync("t/#", { qos: 0 });
  await vi.waitFor(() =>
    expect(kept).toEqual(
      new Map([
        ["t/1", 400],
        ["t/4", 1_000],
        ["t/5", 1_000],
      ]),
    ),
  );
});

/** A command amid a flood that one subscriber does not read; how many clients there are when it arrives. */
async function commandBesideFrozen(drainTimeoutMs: number) {
  const input = await brokerWith(() => {}, { drainTimeoutMs });
  const frozen = await sensor(input, { clientId: "frozen" });
  await frozen.subscribeAsync("#", { qos: 0 });
  const machine = await sensor(input);
  await machine.subscribeAsync("m/command", { qos: 1 });
  frozen.stream.pause();
  const busy = await sensor(input);
  for (let number = 0; number < 600; number++) busy.publish("t", Buffer.alloc(60_000), { qos: 0 });
  await vi.waitFor(() => expect(input.status().counts["messages"]).toBeGreaterThan(50));
  const received = new Promise<number>((resolve) =>
    machine.once("message", () => resolve(input.status().counts["clients"] ?? 0)),
  );
  void input.publish("m/command", "STOP", { qos: 1 });
  await (await sensor(input)).publishAsync("t", "1", { qos: 1 });
  return { input, clientCount: await received };
}

test("a subscriber that does not read holds up neither commands nor acknowledgements", async () => {
  const { clientCount } = await commandBesideFrozen(3_600_000);
  // Frozen, machine, busy and maybe the last one: nobody had to be dropped for it.
  expect(clientCount).toBeGreaterThanOrEqual(3);
});

test("a subscriber that does not read is dropped", async () => {
  const { input } = await commandBesideFrozen(200);
  await vi.waitFor(() => expect(input.status().counts["client_errors"]).toBe(1));
});

const TLS = { cert: TEST_CERTIFICATES.serverCertificate, key: TEST_CERTIFICATES.serverKey, ca: null };
const line1 = { user: "line1", password: "secret", publish: ["#"], subscribe: ["#"] };

test("a user publishes and subscribes where it may; elsewhere it is acknowledged, dropped and counted, or refused", async () => {
  const arrivals: Arrival[] = [];
  const input = await brokerWith((arrival) => void arrivals.push(arrival), {
    users: [
      { ...line1, publish: ["f/1/#"], subscribe: ["f/1/+/command"] },
      { ...line1, user: "panel", password: "other" },
    ],
  });
  const panel = await sensor(input, { username: "panel", password: "other" });
  const seen: string[] = [];
  panel.on("message", (topic) => seen.push(topic));
  await panel.subscribeAsync("#");
  const client = await sensor(input, {
    username: "line1",
    password: "secret",
    will: { topic: "f/2/gone", payload: Buffer.from("1"), qos: 1, retain: true },
  });
  await client.publishAsync("f/2/t", "1", { qos: 1, retain: true });
  await client.publishAsync("f/1/t", "2", { qos: 1 });
  const granted = async (topic: string) =>
    (await client.subscribeAsync(topic, { qos: 1 }).catch(() => [])).map(({ qos }) => qos);
  expect(await granted("f/1/press/command")).toEqual([1]);
  expect(await granted("f/1/#")).not.toEqual([1]);
  expect(await granted("#")).not.toEqual([1]);
  client.stream.destroy();
  await vi.waitFor(() => expect(input.status().counts["refused_publishes"]).toBe(2));
  expect(arrivals.map(({ topic }) => topic)).toEqual(["f/1/t"]);
  expect(seen).toEqual(["f/1/t"]);
  expect(input.status().counts).toMatchObject({ refused_subscriptions: 2 });
});

test("with TLS a client needs the broker's authority, and with `ca` a certificate, whose name is its user", async () => {
  const { authority, agentCertificate, agentKey } = TEST_CERTIFICATES;
  const arrivals: Arrival[] = [];
  const tls = TLS;
  const secure = { protocol: "mqtts", ca: authority } as const;
  const input = await brokerWith((arrival) => void arrivals.push(arrival), { tls });
  await (await sensor(input, secure)).publishAsync("t", "1", { qos: 1 });
  await expect(sensor(input, { protocol: "mqtts" })).rejects.toThrow(/certificate/);
  // Not encrypted at all.
  void sensor(input).catch(() => {});
  await vi.waitFor(() => expect(input.status().counts["refused_tls"]).toBeGreaterThan(0));

  const log = new MemoryLogger();
  const named = await brokerWith((arrival) => void arrivals.push(arrival), {
    log,
    tls: { ...tls, ca: authority },
    users: [{ user: "alpha-1", password: null, publish: ["f/#"], subscribe: [] }],
  });
  const own = { ...secure, cert: agentCertificate, key: agentKey };
  const client = await sensor(named, own);
  await client.publishAsync("t", "2", { qos: 1 });
  await client.publishAsync("f/t", "3", { qos: 1 });
  void sensor(named, secure).catch(() => {});
  await vi.waitFor(() => expect(named.status().counts["refused_tls"]).toBe(1));
  expect(log.lines.at(-1)?.message).toBe("a client failed the TLS handshake: it showed no certificate");
  expect(arrivals.map(text)).toEqual(["1", "3"]);

  const unnamed = await brokerWith(() => {}, { tls: { ...tls, ca: authority }, users: [line1] });
  await expect(sensor(unnamed, { ...own, username: "alpha-1" })).rejects.toThrow(/bad username/i);
  await sensor(unnamed, { ...own, username: "line1", password: "secret" });
});

test("a first packet of more than 16 KiB closes its connection before it is in memory; a CONNECT up to that is taken", async () => {
  const input = await brokerWith(() => {}, { users: [line1] });
  // CONNECT of 16 KiB and one byte: nothing but its length is sent.
  const socket = rawSocket(input);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(Buffer.from([0x10, 0x81, 0x80, 0x01]));
  await closed;
  expect(input.status().counts).toMatchObject({ oversized: 1 });
  // One packet, however much of it has come by the time that its connection is closed.
  const floods = Array.from({ length: 20 }, async () => {
    const flood = rawSocket(input);
    const ended = new Promise((resolve) => flood.once("close", resolve));
    flood
      .on("error", () => {})
      .write(Buffer.concat([Buffer.from([0x10, 0x81, 0x80, 0x01]), Buffer.alloc(1_000_000)]));
    await ended;
  });
  await Promise.all(floods);
  expect(input.status().counts).toMatchObject({ oversized: 21 });
  const will = { topic: "t", payload: Buffer.alloc(16_000), qos: 1 as const, retain: false };
  const client = await sensor(input, { username: "line1", password: "secret", will });
  await client.publishAsync("t", Buffer.alloc(100_000), { qos: 1 });
});

test("what is sent right behind a CONNECT, in one piece or many, is taken once its sender has logged in", async () => {
  const arrivals: Arrival[] = [];
  const input = await brokerWith((arrival) => void arrivals.push(arrival));
  const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
  const publishes = numbers.map((id) => Buffer.from([0x32, 6, 0, 1, 0x74, 0, id, id]));
  const hello = Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 1, 0x6c]);
  for (const pieces of [[Buffer.concat([hello, ...publishes])], [hello, ...publishes]]) {
    const socket = rawSocket(input);
    socket.setNoDelay(true);
    let answeredBytes = 0;
    socket.on("data", (chunk: Buffer) => (answeredBytes += chunk.length));
    for (const piece of pieces) socket.write(piece);
    await vi.waitFor(() => expect(answeredBytes).toBe(4 + 4 * numbers.length));
    socket.destroy();
  }
  expect(arrivals.map(({ payload }) => payload[0])).toEqual([...numbers, ...numbers]);
  expect(input.status().counts).toMatchObject({ refused_publishes: 0, client_errors: 0 });
});

test("who is not a user does not get in", async () => {
  const input = await brokerWith(() => {}, { users: [line1] });
  await expect(sensor(input, { username: "line1", password: "wrong" })).rejects.toThrow(
    /bad username or password/i,
  );
  await expect(sensor(input)).rejects.toThrow();
  await sensor(input, { username: "line1", password: "secret" });
  expect(input.status().counts).toMatchObject({ clients: 1 });
});

test("connections beyond clientsMax are closed and counted", async () => {
  const input = await brokerWith(() => {}, { clientsMax: 3 });
  for (let number = 0; number < 5; number++) {
    const socket = rawSocket(input);
    await new Promise((resolve) => socket.once("connect", resolve));
  }
  await vi.waitFor(() => expect(input.status().counts["refused_clients"]).toBe(2));
});

test.each([
  ["plain", null],
  ["TLS", TLS],
])("connections beyond the rate of one address are closed and counted at once, %s", async (_name, tls) => {
  const clock = { ...systemClock, monotonicMs: () => 5000 };
  const input = await brokerWith(() => {}, { connectsPerSecondMax: 2, clock, tls });
  // None of them says anything.
  const sockets = [1, 2, 3, 4].map(() => rawSocket(input));
  await vi.waitFor(() => expect(input.status().counts["refused_rate"]).toBe(2));
  await vi.waitFor(() => expect(sockets.filter(({ closed }) => closed)).toHaveLength(2));
  expect(input.status().counts).toMatchObject({ refused_tls: 0 });
  // Those in the middle of a handshake do not hold it up.
  await input.stop();
});

test("junk on the socket, and topics too deep, cost their own connection only", async () => {
  const input = await brokerWith(() => {});
  const socket = rawSocket(input);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(Buffer.from([0x00, 0xff, 0xff, 0xff, 0xff, 0x01, 0x02]));
  await closed;
  const client = await sensor(input);
  const cut = new Promise<void>((resolve) => client.once("close", () => resolve()));
  client.publish("a/".repeat(50), "1", { qos: 1 }, () => {});
  await cut;
  await (await sensor(input)).publishAsync("t", "1", { qos: 1 });
});

test("a taken port is said at the start; stop closes every client and lets the port go", async () => {
  const port = await freePort();
  const input = await brokerWith(() => {}, { port });
  const client = await sensor(input);
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  await expect(brokerWith(() => {}, { port })).rejects.toMatchObject({ code: "port_in_use" });
  await input.stop();
  await closed;
  await expect(input.publish("t", "1", { qos: 1 })).rejects.toThrow(/not running/);
  await brokerWith(() => {}, { port });
});

test("a topic's messages reach whoever subscribes to it, from the subscription on, whatever was published before", async () => {
  const arrivals: Arrival[] = [];
  const input = await brokerWith((arrival) => void arrivals.push(arrival));
  const client = await sensor(input);
  const publish = (number: number) => client.publishAsync("f/1/t", String(number), { qos: 1 });
  await publish(1);
  const seen: string[] = [];
  const screen = await sensor(input, { clientId: "screen" });
  screen.on("message", (_topic, payload) => seen.push(payload.toString()));
  await screen.subscribeAsync("f/+/t", { qos: 1 });
  await publish(2);
  await vi.waitFor(() => expect(seen).toEqual(["2"]));
  await screen.unsubscribeAsync("f/+/t");
  await publish(3);
  await screen.subscribeAsync("f/1/t");
  await publish(4);
  await vi.waitFor(() => expect(seen).toEqual(["2", "4"]));
  expect(arrivals.map(text)).toEqual(["1", "2", "3", "4"]);
});

test("acknowledgements of retained and plain messages leave in the order of their arrival", async () => {
  const { handler, held } = holdingHandler();
  const client = await sensor(await brokerWith(handler));
  const acknowledged: number[] = [];
  for (const number of [0, 1, 2, 3])
    client.publish("t", String(number), { qos: 1, retain: number % 2 === 1 }, () =>
      acknowledged.push(number),
    );
  await vi.waitFor(() => expect(held).toHaveLength(4));
  for (const { resolve } of held.toReversed()) resolve();
  await vi.waitFor(() => expect(acknowledged).toEqual([0, 1, 2, 3]));
});

test("a client of whom too much waits for the disk is read on once it is durable", async () => {
  const { handler, held } = holdingHandler();
  const input = await brokerWith(handler);
  const client = await sensor(input);
  let acknowledgedCount = 0;
  const payload = Buffer.alloc(500);
  const sentCount = 14_000;
  for (let number = 0; number < sentCount; number += 1)
    client.publish("t", payload, { qos: 1 }, () => (acknowledgedCount += 1));
  await vi.waitFor(() => expect(held.length).toBeGreaterThanOrEqual(10_000));
  await sensor(input);
  expect(held.length).toBeLessThan(sentCount);
  for (let next = 0; next < sentCount;) {
    for (; next < held.length; next += 1) held[next].resolve();
    await vi.waitFor(() => expect(held.length > next || acknowledgedCount === sentCount).toBe(true));
  }
  await vi.waitFor(() => expect(acknowledgedCount).toBe(sentCount));
});

test("a client that only publishes is alive for one and a half keep-alive times after its last message, and no longer", async () => {
  const time = new SimulatedTime(0);
  const arrivals: Arrival[] = [];
  const input = await brokerWith((arrival) => void arrivals.push(arrival), { clock: time.clock() });
  const other = await sensor(input, { keepalive: 0 });
  const socket = rawSocket(input);
  // CONNECT of client "a" with a keep-alive time of two seconds, and never a ping.
  socket.write(Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 2, 0, 1, 0x61]));
  await new Promise((resolve) => socket.once("data", resolve));
  for (let number = 1; number <= 5; number += 1) {
    await time.run(number === 1 ? 950 : 2_999);
    socket.write(Buffer.from([0x30, 4, 0, 1, 0x74, 0x31]));
    await vi.waitFor(() => expect(arrivals).toHaveLength(number));
  }
  await time.run(2_999);
  await other.publishAsync("t", "1", { qos: 1 });
  expect(socket.closed).toBe(false);
  await time.run(1);
  await vi.waitFor(() => expect(socket.closed).toBe(true));
  expect(input.status().counts).toMatchObject({ clients: 1, client_errors: 1 });
});

test("no timer is left of connections that end in the middle of their login", async () => {
  const running = new Set<object>();
  const input = await brokerWith(() => {}, {
    connectsPerSecondMax: 1_000,
    clientsMax: 1_000,
    clock: {
      ...systemClock,
      after(delayMs, callback) {
        const timer = systemClock.after(delayMs, callback);
        running.add(timer);
        return { cancel: () => (timer.cancel(), running.delete(timer)) };
      },
    },
  });
  // Persistent, with a keep-alive time of a minute.
  const hello = Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0, 0, 60, 0, 1, 0x61]);
  for (let number = 0; number < 200; number += 1) {
    const socket = rawSocket(input);
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write(hello);
    if (number % 2 === 0) socket.resetAndDestroy();
    else socket.end();
  }
  await (await sensor(input, { keepalive: 0 })).publishAsync("t", "1", { qos: 1 });
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ clients: 1 }));
  await vi.waitFor(() => expect(running.size).toBe(0));
});

test("no client talks to the broker's inside: what is published under $SYS is dropped, acknowledged and counted", async () => {
  const arrivals: Arrival[] = [];
  const input = await brokerWith((arrival) => void arrivals.push(arrival));
  const victim = await sensor(input, { clientId: "victim" });
  const client = await sensor(input);
  await client.publishAsync("$SYS/other/new/clients", "victim", { qos: 1 });
  await victim.publishAsync("t", "1", { qos: 1 });
  expect(arrivals.map(({ topic }) => topic)).toEqual(["t"]);
  expect(input.status().counts).toMatchObject({ refused_publishes: 1, clients: 2 });
});

test("no client says that the Sparkplug host is offline: what is retained stays online, a will's word too", async () => {
  const presence = new SparkplugPresence({ hostId: "host", clock: systemClock });
  const heard: string[] = [];
  const input = await brokerWith(({ topic }) => void heard.push(topic), { presence, isSparkplugHost: true });
  const isOffline = JSON.stringify({ online: false, timestamp: Date.now() + 1e12 });
  const liar = await sensor(input, {
    will: { topic: presence.topic, payload: Buffer.from(isOffline), qos: 1, retain: true },
  });
  await liar.publishAsync(presence.topic, isOffline, { qos: 1, retain: true });
  await liar.publishAsync(presence.topic, isOffline, { qos: 1 });
  await liar.publishAsync("spBv1.0/STATE/other", isOffline, { qos: 1, retain: true });
  liar.stream.destroy();
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ refused_publishes: 3, clients: 0 }));
  const states = new Map<string, boolean>();
  const node = await sensor(input);
  node.on("message", (topic, payload) => states.set(topic, JSON.parse(payload.toString()).online));
  await node.subscribeAsync("spBv1.0/STATE/#");
  await vi.waitFor(() =>
    expect(Object.fromEntries(states)).toEqual({
      "spBv1.0/STATE/host": true,
      "spBv1.0/STATE/other": false,
    }),
  );
  expect(heard).toEqual(["spBv1.0/STATE/other"]);
});

test("a client that publishes right after its CONNECT, before the CONNACK, loses nothing", async () => {
  let count = 0;
  const input = await brokerWith(() => void count++);
  const socket = connectSocket(input.port, "127.0.0.1");
  cleanups.push(async () => socket.destroy());
  let answered = 0;
  socket.on("data", (bytes) => (answered += bytes.length));
  const connectPacket = [0x10, 14, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 2, 0x61, 0x62];
  const publishPacket = (id: number) => [0x32, 6, 0, 1, 0x74, id >> 8, id & 0xff, 0x31];
  const ids = Array.from({ length: 1000 }, (_, index) => index + 1);
  socket.write(Buffer.from([...connectPacket, ...ids.flatMap(publishPacket)]));
  // CONNACK and PUBACKs have four bytes each.
  await vi.waitFor(() => expect(answered).toBe(4 * 1001));
  expect(count).toBe(1000);
});

test.each([
  ["another protocol", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n".padEnd(200)), "GET / HTTP/1.1"],
  [
    "TLS where there is none",
    Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7]),
    "\u0016\u0003\u0001",
  ],
  // Protocol level 9; its password would come behind the twelfth byte.
  [
    "a CONNECT of no version",
    mqttPacket(0x10, "MQTT", Uint8Array.of(9, 0xc2, 0, 0), "a", "b", "secret"),
    "MQTT",
  ],
  ["a length without end", Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0x6d, 0x65]), "me"],
])("of %s the first bytes are set aside, no password among them", async (_what, bytes, begins) => {
  const junk: Junk[] = [];
  const input = await brokerWith(() => {}, { setAside: (one) => junk.push(one) });
  const socket = rawSocket(input);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(bytes);
  await closed;
  await vi.waitFor(() => expect(junk).toHaveLength(1));
  expect(junk[0]).toMatchObject({ reason: "malformed_packets", topic: "", client: "127.0.0.1" });
  const head = Buffer.from(junk[0].head).toString("latin1");
  expect(head).toContain(begins);
  expect(head.length).toBeLessThanOrEqual(64);
  expect(head).not.toContain("secret");
  expect(input.status().counts).toMatchObject({ client_errors: 1, malformed_packets: 1 });
});

test("of packets that are none behind a good CONNECT those are set aside; a lost connection is not", async () => {
  const junk: Junk[] = [];
  const input = await brokerWith(() => {}, { setAside: (one) => junk.push(one) });
  const socket = rawSocket(input);
  socket.write(mqttPacket(0x10, "MQTT", Uint8Array.of(4, 2, 0, 0), "a"));
  await new Promise((resolve) => socket.once("data", resolve));
  // SUBSCRIBE without its flags.
  socket.write(Buffer.from([0x80, 6, 0, 1, 0, 1, 0x74, 0]));
  await vi.waitFor(() => expect(junk).toHaveLength(1));
  expect(junk[0]).toMatchObject({ client: "a", head: Uint8Array.of(0x80, 6, 0, 1, 0, 1, 0x74, 0) });
  const leaving = await sensor(input);
  leaving.stream.destroy();
  await vi.waitFor(() => expect(input.status().counts["clients"]).toBe(0));
  expect(junk).toHaveLength(1);
});

test("what is given back of a flood was settled, whatever else is sent between", async () => {
  const arrivals: { readonly topic: string; readonly payload: Uint8Array; readonly text: string }[] = [];
  let freedBytes = 0;
  const input = await brokerWith(
    (arrival) => {
      const { topic, payload, qos } = arrival;
      arrivals.push({ topic, payload, text: text(arrival) });
      // Those of QoS 1 are never settled, and are looked at again below.
      return qos === 0 ? undefined : new Promise<void>(() => {});
    },
    {
      free(buffer) {
        freedBytes += buffer.byteLength;
        buffer.transfer(0);
      },
    },
  );
  const socket = rawSocket(input);
  // CONNECT of client "a", without a keep-alive time.
  socket.write(mqttPacket(0x10, "MQTT", Uint8Array.of(4, 2, 0, 0), "a"));
  const sent: string[] = [];
  const packets: Buffer[] = [];
  for (let number = 0; number < 20_000; number += 1) {
    const payload = `${number}:`.padEnd(20 + ((number * 7_919) % 300), "x");
    const isAcknowledged = number % 4_000 < 3 && number > 0;
    const id = isAcknowledged ? Buffer.from([1 + (number >> 8), number & 0xff]) : Buffer.alloc(0);
    packets.push(mqttPacket(isAcknowledged ? 0x32 : 0x30, "t/" + (number % 7), id, Buffer.from(payload)));
    sent.push(payload);
    // A PINGREQ is aedes's.
    if (number % 5_000 === 4_999) packets.push(mqttPacket(0xc0, Buffer.alloc(0)));
  }
  socket.write(Buffer.concat(packets));
  await vi.waitFor(() => expect(arrivals).toHaveLength(sent.length), 10_000);
  expect(arrivals.map((arrival) => arrival.text)).toEqual(sent);
  expect(freedBytes).toBeGreaterThan(1_000_000);
  const kept = arrivals.filter((_, number) => number % 4_000 < 3 && number > 0);
  expect(kept.map(({ payload }) => Buffer.from(payload).toString())).toEqual(kept.map((one) => one.text));
});
