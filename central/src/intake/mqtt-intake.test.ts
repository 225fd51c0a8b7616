// Shows that the MQTT intake lets each agent in under its own name only, and carries messages both ways.
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { connectAsync } from "mqtt";
import type { IClientOptions, MqttClient } from "mqtt";
import { MemoryLogger, silentLogger } from "@millrace/runtime";
import type { AgentConnection, UpTopic } from "@millrace/wire";
import { afterEach, expect, test } from "vitest";
import { issueAgent, issueServer, makeAuthority } from "../enrolment/certificates.ts";
import { FRAME_BYTES_MAX, MqttIntake } from "./mqtt-intake.ts";
import { mqttPacket, TEST_CERTIFICATES } from "@millrace/testkit";

class Target {
  readonly opened: AgentConnection[] = [];
  readonly messages: { agent: string; topic: UpTopic; text: string }[] = [];
  readonly closed: string[] = [];
  #waiting: (() => void)[] = [];

  onOpen(connection: AgentConnection): void {
    this.opened.push(connection);
    this.#wake();
  }

  onMessage(connection: AgentConnection, topic: UpTopic, payload: Uint8Array): void {
    this.messages.push({ agent: connection.agent, topic, text: Buffer.from(payload).toString() });
    this.#wake();
  }

  onClose(connection: AgentConnection): void {
    this.closed.push(connection.agent);
    this.#wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listen(): Promise<{ intake: MqttIntake; target: Target }> {
  const target = new Target();
  const identities = [
    { id: "alpha-1", password: "one" },
    { id: "beta-1", password: "two" },
  ];
  const intake = await MqttIntake.listen({
    host: "127.0.0.1",
    port: 0,
    tls: null,
    identities,
    target,
    log: silentLogger,
  });
  ends.push(() => intake.close());
  return { intake, target };
}

async function connect(intake: MqttIntake, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(`${options.protocol ?? "mqtt"}://127.0.0.1:${intake.port}`, {
    username: "alpha-1",
    password: "one",
    clientId: "same",
    reconnectPeriod: 0,
    ...options,
  });
  ends.push(() => client.endAsync(true));
  client.on("error", () => {});
  return client;
}

/** A CONNECT with alpha-1's password. */
function hello(clientId: string): Buffer {
  return mqttPacket(0x10, "MQTT", Buffer.from([4, 0xc2, 0, 60]), clientId, "alpha-1", "one");
}

function closing(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once("close", () => resolve()));
}

test("messages go up and come down under the agent's own name", async () => {
  const { intake, target } = await listen();
  const client = await connect(intake);
  await client.subscribeAsync([
    "millrace/v1/alpha-1/welcome",
    "millrace/v1/alpha-1/ack",
    "millrace/v1/alpha-1/echo",
  ]);
  client.publish("millrace/v1/alpha-1/hello", "hello");
  client.publish("millrace/v1/alpha-1/batch", "batch");
  await target.until(() => target.messages.length === 2);
  expect(target.messages).toEqual([
    { agent: "alpha-1", topic: "hello", text: "hello" },
    { agent: "alpha-1", topic: "batch", text: "batch" },
  ]);
  const arrived = new Promise((resolve) =>
    client.once("message", (topic, payload) => resolve([topic, String(payload)])),
  );
  target.opened[0]?.send("ack", Buffer.from("done"));
  expect(await arrived).toEqual(["millrace/v1/alpha-1/ack", "done"]);
  await client.endAsync();
  await target.until(() => target.closed.length === 1);
  expect(intake.connectionCount).toBe(0);
});

test("an agent that sends right after its CONNECT, before the CONNACK, loses nothing", async () => {
  const { intake, target } = await listen();
  const socket = connectTcp(intake.port, "127.0.0.1");
  ends.push(() => socket.destroy());
  const publish = mqttPacket(0x30, "millrace/v1/alpha-1/batch", Buffer.from("x"));
  socket.write(Buffer.concat([hello("early"), ...Array<Buffer>(500).fill(publish)]));
  await target.until(() => target.messages.length === 500 || target.closed.length > 0);
  expect(target.messages).toHaveLength(500);
});

test("a wrong password and an unknown agent are refused", async () => {
  const { intake, target } = await listen();
  await expect(connect(intake, { password: "two" })).rejects.toThrow(/not authorized/i);
  await expect(connect(intake, { username: "gamma-1" })).rejects.toThrow(/not authorized/i);
  expect(target.opened).toEqual([]);
});

test("an agent that publishes under another's name is cut off", async () => {
  const { intake, target } = await listen();
  const client = await connect(intake);
  const closed = closing(client);
  client.publish("millrace/v1/beta-1/batch", "forged");
  await closed;
  expect(target.messages).toEqual([]);
});

test("an agent cannot subscribe to another's answers", async () => {
  const { intake } = await listen();
  const client = await connect(intake);
  for (const topic of ["millrace/v1/beta-1/ack", "#", "millrace/v1/+/ack"]) {
    await expect(client.subscribeAsync(topic), topic).rejects.toThrow();
  }
});

test("a second connection with the same client id does not push out the first", async () => {
  const { intake, target } = await listen();
  const first = await connect(intake);
  await connect(intake);
  await target.until(() => target.opened.length === 2);
  first.publish("millrace/v1/alpha-1/hello", "still here");
  await target.until(() => target.messages.length === 1);
  expect(new Set(target.opened.map((connection) => connection.id)).size).toBe(2);
});

test("a last will is not published in the agent's name", async () => {
  const { intake, target } = await listen();
  const client = await connect(intake, {
    will: { topic: "millrace/v1/alpha-1/batch", payload: Buffer.from("will"), qos: 0, retain: true },
  });
  client.stream.destroy();
  await target.until(() => target.closed.length === 1);
  expect(target.messages).toEqual([]);
});

test("a message larger than allowed ends the connection before it is gathered", async () => {
  const { intake, target } = await listen();
  const client = await connect(intake);
  const closed = closing(client);
  client.publish("millrace/v1/alpha-1/batch", Buffer.alloc(FRAME_BYTES_MAX + 1));
  await closed;
  expect(target.messages).toEqual([]);
});

test("what an agent publishes before it has read that it is connected is taken", async () => {
  const { intake, target } = await listen();
  const publish = mqttPacket(0x30, "millrace/v1/alpha-1/hello", Buffer.from("hello"));
  // At one of these delays the broker is still at the connection when it reads the message.
  for (let turns = 0; turns < 40; turns += 1) {
    const socket = connectTcp(intake.port, "127.0.0.1").setNoDelay(true).resume();
    const closed = once(socket, "close");
    socket.write(hello("x"));
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    socket.write(publish);
    await Promise.race([target.until(() => target.messages.length > turns), closed]);
    expect(target.messages, `published ${turns} turns after the CONNECT`).toHaveLength(turns + 1);
    socket.destroy();
    await target.until(() => target.closed.length > turns);
  }
});

test("junk instead of MQTT ends the connection and nothing else", async () => {
  const { intake, target } = await listen();
  const socket = connectTcp(intake.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  await once(socket, "close");
  const client = await connect(intake);
  client.publish("millrace/v1/alpha-1/hello", "hello");
  await target.until(() => target.messages.length === 1);
});

test("over TLS, a client certificate that the authority signed names the agent; the log says where it is another one's", async () => {
  const { authority, serverCertificate, serverKey, agentCertificate, agentKey } = TEST_CERTIFICATES;
  const target = new Target();
  const log = new MemoryLogger();
  const intake = await MqttIntake.listen({
    host: "127.0.0.1",
    port: 0,
    tls: { cert: serverCertificate, key: serverKey, ca: authority },
    identities: [
      { id: "alpha-1", password: null },
      { id: "beta-1", password: null },
      { id: "beta-2", password: "two" },
    ],
    target,
    log,
  });
  ends.push(() => intake.close());
  const tls = {
    protocol: "mqtts",
    ca: authority,
    cert: agentCertificate,
    key: agentKey,
    password: "any",
  } as const;
  const client = await connect(intake, tls);
  client.publish("millrace/v1/alpha-1/hello", "hello");
  await target.until(() => target.messages.length === 1);
  const nameless = "x".repeat(200);
  for (const username of ["beta-1", "beta-2", nameless])
    await expect(connect(intake, { ...tls, username })).rejects.toThrow(/not authorized/i);
  await expect(connect(intake, { protocol: "mqtts", ca: authority })).rejects.toThrow();
  expect(target.opened.length).toBe(1);
  const refused = log.lines.filter(({ message }) => message === "refused a connection");
  expect(refused.map(({ fields }) => fields["reason"])).toEqual([
    "the certificate is alpha-1's, the user beta-1",
    "unknown agent or wrong password",
    `the certificate is alpha-1's, the user ${nameless.slice(0, 64)}`,
  ]);
});

test("whoever fails the handshake is in the log with why, and from where as far as that is known", async () => {
  const validity = (fromMs: number) => ({ fromMs, days: 30 });
  const nowMs = Date.now();
  const [authority, other] = await Promise.all([
    makeAuthority("ours", validity(nowMs)),
    makeAuthority("theirs", validity(nowMs)),
  ]);
  const server = await issueServer(authority, ["127.0.0.1"], validity(nowMs));
  const log = new MemoryLogger();
  const intake = await MqttIntake.listen({
    host: "127.0.0.1",
    port: 0,
    tls: { ...server, ca: authority.cert },
    identities: [{ id: "alpha-1", password: "one" }],
    target: new Target(),
    log,
  });
  ends.push(() => intake.close());
  for (const shown of [
    await issueAgent(authority, "alpha-1", validity(nowMs - 60 * 86_400_000)),
    await issueAgent(authority, "alpha-1", validity(nowMs + 60 * 86_400_000)),
    await issueAgent(other, "alpha-1", validity(nowMs)),
    server,
    {},
  ]) {
    const socket = connectTls({ port: intake.port, host: "127.0.0.1", ca: authority.cert, ...shown });
    socket.on("error", () => {}).resume();
    await new Promise((resolve) => socket.once("close", resolve));
  }
  const known = await issueAgent(authority, "alpha-1", validity(nowMs));
  const options = { protocol: "mqtts", ca: authority.cert, ...known, password: "two" } as const;
  await expect(connect(intake, options)).rejects.toThrow(/not authorized/i);
  const warnings = log.lines.filter(({ level }) => level === "warn");
  expect(warnings.map(({ message, fields }) => ({ message, ...fields }))).toEqual([
    ...[
      "its certificate has expired",
      "its certificate is not valid yet; is this machine's clock behind?",
      "its certificate is of no authority that is trusted here",
      "its certificate is not one for clients",
    ].map((reason) => ({ message: "a client failed the TLS handshake", reason })),
    {
      message: "a client failed the TLS handshake",
      reason: "it showed no certificate",
      address: "127.0.0.1",
    },
    {
      message: "refused a connection",
      user: "alpha-1",
      address: "127.0.0.1",
      reason: "unknown agent or wrong password",
    },
  ]);
});

test("another certificate is shown, and another authority asked for, from the next connection on", async () => {
  const { authority, serverCertificate, serverKey, agentCertificate, agentKey } = TEST_CERTIFICATES;
  const target = new Target();
  const tls = { cert: serverCertificate, key: serverKey, ca: authority };
  const intake = await MqttIntake.listen({
    host: "127.0.0.1",
    port: 0,
    tls,
    identities: [{ id: "alpha-1", password: null }],
    target,
    log: silentLogger,
  });
  ends.push(() => intake.close());
  const own = {
    protocol: "mqtts",
    ca: authority,
    cert: agentCertificate,
    key: agentKey,
    password: "any",
  } as const;
  const first = await connect(intake, own);
  // Nobody's certificate is signed by a server's.
  intake.renewTls({ ...tls, ca: serverCertificate });
  const refused = connectTls({ ...own, port: intake.port, host: "127.0.0.1", servername: "localhost" });
  refused.on("error", () => {}).resume();
  await once(refused, "close");
  first.publish("millrace/v1/alpha-1/hello", "still here");
  await target.until(() => target.messages.length === 1);
  intake.renewTls(tls);
  await connect(intake, own);
});

test("an agent that may not come any more, or has another password, is cut off; a new one is let in", async () => {
  const { intake, target } = await listen();
  const alpha = await connect(intake);
  const beta = await connect(intake, { username: "beta-1", password: "two" });
  await expect(connect(intake, { username: "gamma-1", password: "three" })).rejects.toThrow(
    /not authorized/i,
  );
  await target.until(() => target.opened.length === 2);
  const closed = closing(alpha);
  intake.setIdentities([
    { id: "alpha-1", password: "changed" },
    { id: "beta-1", password: "two" },
    { id: "gamma-1", password: "three" },
  ]);
  await closed;
  await connect(intake, { username: "gamma-1", password: "three" });
  await connect(intake, { password: "changed" });
  await expect(connect(intake)).rejects.toThrow(/not authorized/i);
  beta.publish("millrace/v1/beta-1/hello", "still here");
  await target.until(() => target.messages.length === 1);
  const gone = closing(beta);
  intake.setIdentities([]);
  await gone;
});

test("a port in use is a plain error", async () => {
  const { intake, target } = await listen();
  const second = MqttIntake.listen({
    host: "127.0.0.1",
    port: intake.port,
    tls: null,
    identities: [],
    target,
    log: silentLogger,
  });
  await expect(second).rejects.toMatchObject({ code: "port_in_use" });
});
