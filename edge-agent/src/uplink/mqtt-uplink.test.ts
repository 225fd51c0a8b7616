// The uplink over a real broker: open only once it can hear, closed exactly once, and never a queue of its own.
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { systemClock } from "@millrace/runtime";
import { TEST_CERTIFICATES } from "@millrace/testkit";
import type { DownTopic } from "@millrace/wire";
import { Aedes, type AedesOptions, type AedesPublishPacket } from "aedes";
import { afterEach, expect, test, vi } from "vitest";
import { MqttUplink, type MqttUplinkOptions } from "./mqtt-uplink.ts";
import type { Credentials } from "./uplink-credentials.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Central {
  readonly port: number;
  readonly broker: Aedes;
  readonly packets: AedesPublishPacket[];
  readonly sockets: Set<Socket>;
}

async function central(options: AedesOptions = {}, tls?: TlsOptions): Promise<Central> {
  const broker = await Aedes.createBroker(options);
  const packets: AedesPublishPacket[] = [];
  const sockets = new Set<Socket>();
  broker.on("publish", (packet, client) => void (client !== null && packets.push(packet)));
  const take = (socket: Socket): void => {
    sockets.add(socket);
    broker.handle(socket);
  };
  const server: Server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: portOf(server), broker, packets, sockets };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const NO_TLS: Credentials = { password: null, ca: null, cert: null, key: null };

interface Heard {
  openedCount: number;
  readonly messages: [DownTopic, string][];
  readonly closed: string[];
}

function uplinkTo(
  port: number,
  options: Partial<MqttUplinkOptions> = {},
): { uplink: MqttUplink; heard: Heard; connect: () => void } {
  const uplink = new MqttUplink({
    url: `mqtt://127.0.0.1:${port}`,
    agent: "alpha-1",
    instance: "i1",
    username: "alpha-1",
    credentials: () => ({ ...NO_TLS, password: "secret" }),
    certificateFault: () => null,
    clock: systemClock,
    ...options,
  });
  const heard: Heard = { openedCount: 0, messages: [], closed: [] };
  cleanups.push(() => uplink.close());
  const connect = (): void =>
    uplink.connect({
      opened: () => heard.openedCount++,
      message: (topic, payload) => heard.messages.push([topic, Buffer.from(payload).toString()]),
      closed: (reason) => heard.closed.push(reason),
    });
  return { uplink, heard, connect };
}

test("opens once its subscriptions stand, carries both ways, and says goodbye once", async () => {
  const { port, broker, packets } = await central();
  const ready = new Promise<{ id: string }>((resolve) => broker.once("clientReady", resolve));
  const { uplink, heard, connect } = uplinkTo(port);
  expect(uplink.send("hello", Buffer.from("early"))).toBe(false);
  connect();
  expect((await ready).id).toBe("alpha-1:i1");
  await vi.waitFor(() => expect(heard.openedCount).toBe(1));
  const bytes = new Uint8Array([0, 1, 2, 3, 4]);
  expect(uplink.send("batch", bytes.subarray(1, 4))).toBe(true);
  await vi.waitFor(() =>
    expect(packets).toMatchObject([{ topic: "millrace/v1/alpha-1/batch", qos: 0, retain: false }]),
  );
  expect([...Buffer.from(packets[0].payload)]).toEqual([1, 2, 3]);
  for (const topic of ["millrace/v1/alpha-1/ack", "millrace/v1/other/ack", "millrace/v1/alpha-1/echo"]) {
    broker.publish(
      { cmd: "publish", topic, payload: Buffer.from(topic), qos: 0, retain: false, dup: false },
      () => {},
    );
  }
  await vi.waitFor(() => expect(heard.messages.map(([topic]) => topic)).toEqual(["ack", "echo"]));
  const gone = new Promise((resolve) => broker.once("clientDisconnect", resolve));
  uplink.close();
  uplink.close();
  expect(heard.closed).toEqual(["closed by the agent"]);
  expect(uplink.send("batch", bytes)).toBe(false);
  await gone;
  expect(heard.closed).toHaveLength(1);
});

test("a link that breaks is closed once, and the next connect works", async () => {
  const { port, sockets } = await central();
  const { heard, connect } = uplinkTo(port);
  connect();
  await vi.waitFor(() => expect(heard.openedCount).toBe(1));
  expect(() => connect()).toThrow(/it is connected/);
  for (const socket of sockets) socket.resetAndDestroy();
  await vi.waitFor(() => expect(heard.closed).toHaveLength(1));
  connect();
  await vi.waitFor(() => expect(heard.openedCount).toBe(2));
  expect(heard.closed).toHaveLength(1);
});

test("nobody there, a wrong password, refused subscriptions: closed once, with the reason", async () => {
  // Nobody listens there, and nobody is given it.
  const absent = uplinkTo(1);
  absent.connect();
  await vi.waitFor(() => expect(absent.heard.closed).toEqual([expect.stringMatching(/ECONNREFUSED/)]));

  const strict = await central({
    authenticate: (_client, _user, password, done) => done(null, password?.toString() === "right"),
  });
  const stranger = uplinkTo(strict.port);
  stranger.connect();
  await vi.waitFor(() =>
    expect(stranger.heard.closed).toEqual([
      expect.stringMatching(/^refused: user name or password is wrong.*uplink.password/),
    ]),
  );

  const deaf = await central({ authorizeSubscribe: (_client, _subscription, done) => done(null, null) });
  const refused = uplinkTo(deaf.port);
  refused.connect();
  await vi.waitFor(() => expect(refused.heard.closed).toHaveLength(1));
  expect([absent, stranger, refused].map(({ heard }) => heard.openedCount)).toEqual([0, 0, 0]);
});

test("refused with another's certificate: the reason names both", async () => {
  const { authority, serverCertificate, serverKey, agentCertificate, agentKey } = TEST_CERTIFICATES;
  const tls = { key: serverKey, cert: serverCertificate, ca: authority, requestCert: true };
  const { port } = await central(
    { authenticate: (_client, _user, _password, done) => done(null, false) },
    tls,
  );
  const credentials = (): Credentials => ({
    ...NO_TLS,
    ca: authority,
    cert: agentCertificate,
    key: agentKey,
  });
  const url = `mqtts://localhost:${port}`;
  const [own, others] = ["alpha-1", "beta-1"].map((username) =>
    uplinkTo(port, { url, username, credentials }),
  );
  for (const { connect } of [own, others]) connect();
  await vi.waitFor(() =>
    expect([own, others].map(({ heard }) => heard.closed)).toEqual([
      [expect.stringMatching(/^refused: user name or password is wrong.*in central\.yaml\)$/)],
      [
        expect.stringMatching(
          /^refused: .*; the certificate \(`uplink\.cert`\) is alpha-1's, the user beta-1$/,
        ),
      ],
    ]),
  );
});

test("central ends the connection of an agent whose certificate has expired: the reason says that", async () => {
  const { port, sockets } = await central();
  const fault = "the certificate (`uplink.cert`: uplink.crt) has expired";
  const { heard, connect } = uplinkTo(port, { certificateFault: () => fault });
  connect();
  await vi.waitFor(() => expect(heard.openedCount).toBe(1));
  for (const socket of sockets) socket.resetAndDestroy();
  await vi.waitFor(() => expect(heard.closed).toHaveLength(1));
  expect(heard.closed).not.toEqual([expect.stringContaining("expired")]);
  const refusing = createServer((socket) => socket.on("error", () => {}).destroy());
  await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => refusing.close());
  const lapsed = uplinkTo(portOf(refusing), { certificateFault: () => fault });
  lapsed.connect();
  await vi.waitFor(() =>
    expect(lapsed.heard.closed).toEqual([expect.stringMatching(/; the certificate .* has expired$/)]),
  );
});

test("a server that takes the connection and says nothing is given up after the timeout", async () => {
  const mute = createServer();
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => mute.close());
  let expire = (): void => {};
  const clock = {
    ...systemClock,
    after: (_ms: number, callback: () => void) => ((expire = callback), { cancel() {} }),
  };
  const { heard, connect } = uplinkTo(portOf(mute), { clock });
  const connected = new Promise<Socket>((resolve) => mute.once("connection", resolve));
  connect();
  const socket = await connected;
  expire();
  expect(heard.closed).toEqual([expect.stringMatching(/within 5000 ms/)]);
  await new Promise<void>((resolve) => socket.resume().once("close", () => resolve()));
});

test("a peer that does not read makes send refuse at the bound, without growing", async () => {
  const { port, sockets } = await central();
  const { uplink, heard, connect } = uplinkTo(port, { bufferedBytesMax: 1_000_000 });
  connect();
  await vi.waitFor(() => expect(heard.openedCount).toBe(1));
  for (const socket of sockets) {
    socket.removeAllListeners("readable");
    socket.pause();
  }
  const batch = new Uint8Array(500_000);
  let sentCount = 0;
  while (uplink.send("batch", batch) && sentCount < 1000) {
    sentCount++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sentCount).toBeLessThan(1000);
  expect(uplink.bufferedBytes).toBeLessThan(1_600_000);
});

test("TLS: central's authority is asked for, and another one refused; a certificate is shown to a central that wants one", async () => {
  const { authority, serverCertificate, serverKey, agentCertificate, agentKey } = TEST_CERTIFICATES;
  const tls = { key: serverKey, cert: serverCertificate };
  const { port } = await central({}, tls);
  const url = `mqtts://localhost:${port}`;
  const shows = (shown: Partial<Credentials>) => ({ credentials: () => ({ ...NO_TLS, ...shown }) });
  const trusting = uplinkTo(port, { url, ...shows({ ca: authority }) });
  trusting.connect();
  await vi.waitFor(() => expect(trusting.heard.openedCount).toBe(1));
  const wary = uplinkTo(port, { url, instance: "i2" });
  wary.connect();
  await vi.waitFor(() => expect(wary.heard.closed).toEqual([expect.stringContaining("let uplink.ca name")]));

  const strict = await central({}, { ...tls, ca: authority, requestCert: true, rejectUnauthorized: true });
  const strictUrl = `mqtts://localhost:${strict.port}`;
  let own: Partial<Credentials> = { ca: authority };
  const known = uplinkTo(strict.port, { url: strictUrl, credentials: () => ({ ...NO_TLS, ...own }) });
  known.connect();
  await vi.waitFor(() => expect(known.heard.closed).toHaveLength(1));
  // Asked for anew before each connection.
  own = { ca: authority, cert: agentCertificate, key: agentKey };
  known.connect();
  await vi.waitFor(() => expect(known.heard.openedCount).toBe(1));
  const unknown = uplinkTo(strict.port, { url: strictUrl, ...shows({ ca: authority }), instance: "i3" });
  unknown.connect();
  await vi.waitFor(() => expect(unknown.heard.closed).toHaveLength(1));
  expect(unknown.heard.openedCount).toBe(0);
});

test("what stands behind junk, of any quality of service, ends the connection and nothing else", async () => {
  // Accepted, a message with QoS 2, its release, and bytes that are no packet, at once.
  const junk = ["20020000", "32050001610001", "34050001610002", "62020002", "ffffffffff"].join("");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(Buffer.from(junk, "hex")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  const { heard, connect } = uplinkTo(portOf(server));
  connect();
  await vi.waitFor(() => expect(heard.closed).toHaveLength(1));
  // Whatever mqtt.js still does with what it had read, it does in its next ticks.
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toMatchObject({ openedCount: 0, messages: [] });
});

test("credentials that cannot be used close with the reason, and the next try asks again", async () => {
  const { port } = await central();
  const found: (Credentials | null)[] = [null, NO_TLS];
  const { heard, connect } = uplinkTo(port, {
    credentials() {
      const next = found.shift() ?? null;
      if (next === null) throw new Error("its key does not fit");
      return next;
    },
  });
  connect();
  expect(heard.closed).toEqual(["its key does not fit"]);
  connect();
  await vi.waitFor(() => expect(heard.openedCount).toBe(1));
});
