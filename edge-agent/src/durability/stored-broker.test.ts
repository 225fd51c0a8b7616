// What the broker has promised its clients holds after a crash: subscriptions, commands that wait, QoS 2 once, retained messages.
// Real sockets and clients, a store that keeps what was synced and nothing else.
import { type Change, MemoryStore } from "@millrace/queue";
import { MemoryLogger, systemClock, systemRandom } from "@millrace/runtime";
import { freePort } from "@millrace/testkit";
import { connect, type IClientOptions, type MqttClient } from "mqtt";
import { afterEach, expect, test, vi } from "vitest";
import { BrokerInput } from "../inputs/broker/broker-input.ts";
import type { BrokerInputOptions } from "../inputs/broker/broker-input-options.ts";
import { SparkplugPresence } from "../inputs/sparkplug-presence.ts";
import { numberKey, PREFIX } from "./agent-store.ts";
import { CommitLoop } from "./commit-loop.ts";
import { DurabilityWaits } from "./durability-waits.ts";
import { KeptRecords } from "./kept-records.ts";
import { StoredBroker } from "./stored-broker.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** The broker of an agent that holds this store. */
async function brokerOn(store: MemoryStore, options: Partial<BrokerInputOptions> = {}) {
  const log = new MemoryLogger();
  const records: KeptRecords = new KeptRecords({
    wake: (isUrgent) => (isUrgent ? commits.requestNow() : commits.request(50)),
    committed: () => waits.until({ isUrgent: true }),
  });
  const commits: CommitLoop = new CommitLoop({
    store,
    clock: systemClock,
    random: systemRandom,
    log,
    collect() {
      const isWaitedFor = waits.take();
      const changes: Change[] = [];
      const areDurable = records.drainInto(changes);
      return {
        changes,
        durable() {
          areDurable();
          isWaitedFor();
        },
      };
    },
    committed() {},
    failedForGood() {},
  });
  const waits = new DurabilityWaits({
    clock: systemClock,
    commits,
    redo: { rowCount: 0, byteCount: 0 },
    ackIntervalMs: 5,
  });
  const kept = new StoredBroker({ store, records, clock: systemClock, log });
  const config = { name: "broker", host: "127.0.0.1", port: 0, users: [], tls: null, clientsMax: 100 };
  const newInput = (more: Partial<BrokerInputOptions> = {}) =>
    new BrokerInput({
      ...config,
      payloadBytesMax: 10_000,
      commandFilters: ["cmd/+"],
      kept,
      clock: systemClock,
      log,
      ...options,
      ...more,
    });
  const input = newInput();
  await input.start(() => {});
  cleanups.push(() => input.stop());
  return {
    input,
    newInput,
    log,
    flush: () => commits.flush(),
    /** The machine loses its power: what was not synced is gone. */
    async crash(): Promise<MemoryStore> {
      const left = store.crash();
      await input.stop();
      // A commit that hangs never ends.
      void commits.stop();
      return left;
    },
  };
}

function client(port: number, clientId: string, options: IClientOptions = {}) {
  const made = connect({
    protocol: "mqtt",
    host: "127.0.0.1",
    port,
    clientId,
    clean: false,
    reconnectPeriod: 0,
    resubscribe: false,
    ...options,
  });
  const seen: string[] = [];
  made.on("message", (topic, payload, { dup, retain }) =>
    seen.push(`${topic} ${payload.toString()}${dup ? " again" : ""}${retain ? " retained" : ""}`),
  );
  made.on("error", () => {});
  cleanups.push(() => made.endAsync(true));
  return { made, seen };
}

const connected = (made: MqttClient) => new Promise((resolve) => made.once("connect", resolve));

test("a subscription that was acknowledged, and commands for who is away, are there after a crash; once delivered they are gone", async () => {
  let store = new MemoryStore();
  let broker = await brokerOn(store);
  const machine = client(broker.input.port, "machine");
  await machine.made.subscribeAsync({ "cmd/machine": { qos: 1 }, "plan/#": { qos: 0 } });
  store = await broker.crash();
  await machine.made.endAsync(true);

  broker = await brokerOn(store);
  expect(broker.input.status().counts).toMatchObject({ sessions: 1, queued_messages: 0 });
  const panel = client(broker.input.port, "panel", { clean: true });
  await panel.made.publishAsync("cmd/machine", "1", { qos: 1 });
  await broker.input.publish("cmd/machine", "2", { qos: 1 });
  await panel.made.publishAsync("cmd/machine", "3", { qos: 1 });
  await panel.made.publishAsync("cmd/other", "4", { qos: 1 });
  store = await broker.crash();

  broker = await brokerOn(store);
  expect(broker.input.status().counts).toMatchObject({ sessions: 1, queued_messages: 3 });
  const late = Array.from({ length: 20 }, (_, number) => `late ${number}`);
  // What comes in this run takes the place of nothing that waits since the one before.
  for (const command of late) await broker.input.publish("cmd/machine", command, { qos: 1 });
  const waiting = ["1", "2", "3", ...late].map((command) => `cmd/machine ${command}`);
  const again = client(broker.input.port, "machine");
  await vi.waitFor(() => expect(again.seen).toEqual(waiting));
  await broker.input.publish("cmd/machine", "5", { qos: 1 });
  await broker.input.publish("plan/a", "6", { qos: 0 });
  await vi.waitFor(() => expect(again.seen.slice(waiting.length)).toEqual(["cmd/machine 5", "plan/a 6"]));
  await vi.waitFor(() => expect(broker.input.status().counts).toMatchObject({ queued_messages: 0 }));
  await broker.flush();
  store = await broker.crash();

  broker = await brokerOn(store);
  expect(broker.input.status().counts).toMatchObject({ sessions: 1, queued_messages: 0 });
});

test("nothing is acknowledged before it is on disk: SUBACK, PUBACK, UNSUBACK", async () => {
  let release = Promise.withResolvers<void>();
  const isHeld = { value: false };
  const store = new MemoryStore({
    delay: (operation) => (operation === "commit" && isHeld.value ? release.promise : Promise.resolve()),
  });
  const { input } = await brokerOn(store);
  const machine = client(input.port, "machine");
  const panel = client(input.port, "panel", { clean: true });
  await Promise.all([connected(machine.made), connected(panel.made)]);
  const acknowledged: string[] = [];
  const watch = (name: string, work: Promise<unknown>) => work.then(() => acknowledged.push(name));
  /** What waits behind it in the same connection has been seen: so would have been its acknowledgement. */
  const passes = async (name: string, work: () => Promise<unknown>) => {
    isHeld.value = true;
    const done = watch(name, work());
    await panel.made.publishAsync("echo", name, { qos: 0 });
    await panel.made.subscribeAsync(`other/${name}`);
    expect(acknowledged).not.toContain(name);
    isHeld.value = false;
    release.resolve();
    release = Promise.withResolvers();
    await done;
  };
  await passes("suback", () => machine.made.subscribeAsync("cmd/machine", { qos: 1 }));
  await machine.made.endAsync();
  await passes("puback", () => panel.made.publishAsync("cmd/machine", "1", { qos: 1 }));
  await passes("retained", () => panel.made.publishAsync("setpoint", "7", { qos: 1, retain: true }));
  const again = client(input.port, "machine");
  await vi.waitFor(() => expect(again.seen).toEqual(["cmd/machine 1"]));
  await passes("unsuback", () => again.made.unsubscribeAsync("cmd/machine"));
});

test("a command that comes before a subscription is acknowledged does not come behind later ones", async () => {
  const release = Promise.withResolvers<void>();
  const isHeld = { value: false };
  const store = new MemoryStore({
    delay: (operation) => (operation === "commit" && isHeld.value ? release.promise : Promise.resolve()),
  });
  const { input } = await brokerOn(store);
  const machine = client(input.port, "machine");
  await connected(machine.made);
  await machine.made.subscribeAsync("plan/#", { qos: 0 });
  isHeld.value = true;
  const granted = machine.made.subscribeAsync("cmd/machine", { qos: 1 });
  // Behind it in the same connection.
  await machine.made.publishAsync("echo", "", { qos: 0 });
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ messages: 1 }));
  await input.publish("cmd/machine", "START", { qos: 1 });
  isHeld.value = false;
  release.resolve();
  await granted;
  await input.publish("cmd/machine", "STOP", { qos: 1 });
  await vi.waitFor(() => expect(machine.seen).toContain("cmd/machine STOP"));
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ queued_messages: 0 }));
  await machine.made.endAsync();
  const again = client(input.port, "machine");
  await connected(again.made);
  await input.publish("plan/a", "END", { qos: 0 });
  await vi.waitFor(() => expect(again.seen).toContain("plan/a END"));
  expect(again.seen).toEqual(["plan/a END"]);
});

test("a machine that comes back and asks for what it has is answered while the disk takes nothing", async () => {
  const isHeld = { value: false };
  const store = new MemoryStore({
    delay: (operation) =>
      operation === "commit" && isHeld.value ? new Promise(() => {}) : Promise.resolve(),
  });
  const { input, flush } = await brokerOn(store);
  const machine = client(input.port, "machine");
  await machine.made.subscribeAsync("cmd/machine", { qos: 1 });
  await machine.made.endAsync();
  await flush();
  isHeld.value = true;
  const again = client(input.port, "machine");
  await again.made.subscribeAsync("cmd/machine", { qos: 1 });
  await input.publish("cmd/machine", "STOP", { qos: 1 });
  await vi.waitFor(() => expect(again.seen).toEqual(["cmd/machine STOP"]));
});

test("what nobody keeps costs no commit: clean sessions, commands to nobody, QoS 0 and plain readings", async () => {
  const store = new MemoryStore();
  const { input, flush } = await brokerOn(store);
  const machine = client(input.port, "machine", { clean: true });
  await machine.made.subscribeAsync({ "cmd/machine": { qos: 2 }, "t/#": { qos: 1 } });
  const panel = client(input.port, "panel", { clean: true });
  for (const qos of [0, 1, 2] as const)
    for (const topic of ["cmd/machine", "cmd/nobody", "t/1"])
      await panel.made.publishAsync(topic, String(qos), { qos });
  await vi.waitFor(() => expect(machine.seen).toHaveLength(6));
  await flush();
  expect(store.commitCount).toBe(0);
});

test("with QoS 2 a command comes once, whichever commit the crash comes at", async () => {
  for (let crashAt = 2, isDone = false; !isDone; crashAt += 1) {
    const port = await freePort();
    const crashed = Promise.withResolvers<void>();
    let commitsLeft = crashAt;
    let store = new MemoryStore({
      delay(operation) {
        if (operation === "commit") commitsLeft -= 1;
        if (operation !== "commit" || commitsLeft !== 0) return Promise.resolve();
        crashed.resolve();
        return new Promise(() => {});
      },
    });
    const broker = await brokerOn(store, { port });
    const machine = client(port, "machine", { reconnectPeriod: 10 });
    // A machine may act as soon as it has a message, and knows one that comes again by its id (MQTT 3.1.1, figure 4.3, method B).
    const ids = new Set<number | undefined>();
    machine.made.on("packetreceive", (packet) => {
      if (packet.cmd === "publish" && packet.payload.toString() === "STEP") ids.add(packet.messageId);
    });
    await machine.made.subscribeAsync("cmd/machine", { qos: 2 });
    const panel = client(port, "panel", { reconnectPeriod: 10 });
    await connected(panel.made);
    const published = panel.made.publishAsync("cmd/machine", "STEP", { qos: 2 });
    const drained = published.then(() =>
      vi.waitFor(() => expect(broker.input.status().counts).toMatchObject({ queued_messages: 0 }), 5_000),
    );
    isDone = await Promise.race([drained.then(() => true), crashed.promise.then(() => false)]);
    commitsLeft = 0;
    store = await broker.crash();
    const next = await brokerOn(store, { port });
    await published;
    await vi.waitFor(() => expect(machine.seen.length, `crash at commit ${crashAt}`).toBeGreaterThan(0));
    await panel.made.publishAsync("cmd/machine", "END", { qos: 2 });
    await vi.waitFor(() => expect(machine.seen.at(-1)).toMatch(/END/));
    expect(
      machine.seen.map((line) => line.replace(" again", "")),
      `crash at commit ${crashAt}`,
    ).toEqual(["cmd/machine STEP", "cmd/machine END"]);
    expect(ids.size, `crash at commit ${crashAt}`).toBe(1);
    await vi.waitFor(() => expect(next.input.status().counts).toMatchObject({ queued_messages: 0 }));
    if (isDone) expect(crashAt).toBeGreaterThan(3);
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  }
}, 60_000);

test("a command that was sent and not acknowledged is sent again after a crash, under its number and as such", async () => {
  const store = new MemoryStore();
  const broker = await brokerOn(store);
  const machine = client(broker.input.port, "machine", {
    customHandleAcks: (_topic, _payload, _packet, _done) => {},
  });
  await machine.made.subscribeAsync("cmd/machine", { qos: 1 });
  const ids: (number | undefined)[] = [];
  machine.made.on("packetreceive", (packet) => packet.cmd === "publish" && ids.push(packet.messageId));
  await broker.input.publish("cmd/machine", "STOP", { qos: 1 });
  await vi.waitFor(() => expect(ids).toHaveLength(1));
  await broker.flush();
  const left = await broker.crash();
  const next = await brokerOn(left);
  const again = client(next.input.port, "machine");
  again.made.on("packetreceive", (packet) => packet.cmd === "publish" && ids.push(packet.messageId));
  await vi.waitFor(() => expect(again.seen).toEqual(["cmd/machine STOP again"]));
  expect(ids[1]).toBe(ids[0]);
});

test("a command of the agent's that is valid no more is not handed to a machine that comes back", async () => {
  let store = new MemoryStore();
  let broker = await brokerOn(store);
  const machine = client(broker.input.port, "machine");
  await machine.made.subscribeAsync("cmd/machine", { qos: 1 });
  await machine.made.endAsync();
  const nowMs = systemClock.nowMs();
  await broker.input.publish("cmd/machine", "old STOP", { qos: 1, validUntilMs: nowMs - 1 });
  await broker.input.publish("cmd/machine", "STOP", { qos: 1, validUntilMs: nowMs + 3_600_000 });
  await broker.flush();
  store = await broker.crash();
  broker = await brokerOn(store);
  expect(broker.input.status().counts).toMatchObject({ queued_messages: 2 });
  const again = client(broker.input.port, "machine");
  await vi.waitFor(() => expect(again.seen).toEqual(["cmd/machine STOP"]));
  await vi.waitFor(() =>
    expect(broker.input.status().counts).toMatchObject({ queued_messages: 0, queued_expired: 1 }),
  );
  // Who is there has it in any case.
  await broker.input.publish("cmd/machine", "late", { qos: 1, validUntilMs: nowMs - 1 });
  await vi.waitFor(() => expect(again.seen).toContain("cmd/machine late"));
});

test("retained messages outlive a crash, their deletion does, and what the agent says of itself does not", async () => {
  const presence = new SparkplugPresence({ hostId: "a", clock: systemClock });
  const store = new MemoryStore();
  const broker = await brokerOn(store, { presence, isSparkplugHost: true });
  expect(broker.input.status().counts).toMatchObject({ retained: 1 });
  const panel = client(broker.input.port, "panel", { clean: true });
  const keep = (topic: string, payload: string, qos: 0 | 1 = 1) =>
    panel.made.publishAsync(topic, payload, { qos, retain: true });
  await keep("setpoint/1", "7");
  await keep("setpoint/2", "8", 0);
  await keep("setpoint/3", "9");
  await keep("setpoint/1", "7.5");
  await keep("setpoint/3", "");
  const left = await broker.crash();
  const next = await brokerOn(left);
  expect(next.input.status().counts).toMatchObject({ retained: 2 });
  const late = client(next.input.port, "late", { clean: true });
  await late.made.subscribeAsync("setpoint/#");
  await vi.waitFor(() =>
    expect(late.seen.sort()).toEqual(["setpoint/1 7.5 retained", "setpoint/2 8 retained"]),
  );
});

test("bounds of another configuration hold for what was kept before; it stays over a change of the broker", async () => {
  const store = new MemoryStore();
  const broker = await brokerOn(store);
  for (const name of ["a", "b", "c"]) {
    const { made } = client(broker.input.port, name);
    await made.subscribeAsync("cmd/+", { qos: 1 });
    await made.endAsync();
  }
  for (let number = 0; number < 5; number += 1)
    await broker.input.publish("cmd/x", String(number), { qos: 1 });
  await broker.input.stop();
  const other = broker.newInput({ sessionQueueMax: 3 });
  await other.start(() => {});
  cleanups.push(() => other.stop());
  expect(other.status().counts).toMatchObject({ sessions: 3, queued_messages: 9, queued_dropped: 6 });
  await broker.flush();
  const left = store.crash();
  const next = await brokerOn(left, { sessionsMax: 2, sessionQueueMax: 2 });
  expect(next.input.status().counts).toMatchObject({
    sessions: 2,
    sessions_forgotten: 1,
    queued_messages: 4,
  });
  const { seen } = client(next.input.port, "c");
  await vi.waitFor(() => expect(seen).toEqual(["cmd/x 3", "cmd/x 4"]));
});

test("who has been away for too long is forgotten at a start, not before it could come back", async () => {
  const store = new MemoryStore();
  const put = (number: number, client: string, awayHours: number): Change => ({
    type: "put",
    key: numberKey(PREFIX.session, number),
    value: Buffer.from(
      JSON.stringify({
        client,
        subscriptions: [["cmd/+", 1]],
        awaySinceMs: systemClock.nowMs() - awayHours * 3_600_000,
      }),
    ),
  });
  await store.commit([put(1, "old", 100), put(2, "new", 1), put(3, "future", -100)], { isSync: true });
  const { input } = await brokerOn(store, { sessionExpiryMs: 3 * 3_600_000 });
  // The power may have been off for all of them.
  expect(input.status().counts).toMatchObject({ sessions: 3, sessions_forgotten: 0 });
});

test("damaged records are left out and said, the rest stands", async () => {
  const store = new MemoryStore();
  const broker = await brokerOn(store);
  for (const name of ["a", "b"]) {
    const { made } = client(broker.input.port, name);
    await made.subscribeAsync("cmd/+", { qos: 1 });
    await made.endAsync();
  }
  for (let number = 0; number < 3; number += 1)
    await broker.input.publish("cmd/x", String(number), { qos: 1 });
  await broker.flush();
  const left = await broker.crash();
  left.damage(numberKey(PREFIX.session, 1), () => new Uint8Array(0));
  const next = await brokerOn(left);
  expect(next.input.status().counts).toMatchObject({ sessions: 1, queued_messages: 3 });
  expect(next.log.lines.map(({ message }) => message)).toEqual([
    "what the broker kept for its clients is damaged, and partly lost",
  ]);
  await next.flush();
  const rest = await next.crash();
  let keyCount = 0;
  for await (const _ of rest.range({ from: Uint8Array.of(PREFIX.session), to: Uint8Array.of(0xff) }))
    keyCount += 1;
  expect(keyCount).toBe(4);
});
