// Brokers that the client library's own close does not get away from.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Admin } from "@platformatic/kafka";
import { expect, onTestFinished, test } from "vitest";
import type { KafkaConnection } from "../kafka-connection.ts";
import { clientCloser } from "./client-closer.ts";
import { PlatformaticClient } from "./platformatic-client.ts";

const FAILED = "tracing:plt:kafka:connections:connects:error";

test.each<[string, (client: PlatformaticClient) => { close(): Promise<void> }]>([
  [
    "a producer of records in bulk",
    (client) => {
      const producer = client.bulkProducer();
      producer.connect(["t"]).catch(() => undefined);
      return producer;
    },
  ],
  [
    "a producer",
    (client) => {
      const producer = client.producer();
      producer.connect(["t"]).catch(() => undefined);
      return producer;
    },
  ],
  [
    "an admin",
    (client) => {
      const admin = client.admin();
      admin.describeTopic("t").catch(() => undefined);
      return admin;
    },
  ],
  ["a reader of its own", (client) => client.consumer({ group: null, topics: ["t"], from: "start" })],
  ["a member of a group", (client) => client.consumer({ group: "g", topics: ["t"], from: "start" })],
])("%s, closed, holds no connection to a broker that began amid its tries", async (_, open) => {
  const { server, address } = await refusing();
  const accepted = once(server, "connection");
  // In the very moment of the first refusal: the next entry of the list is tried in the same call.
  const listen = () => {
    if (!server.listening) server.listen(address.port);
  };
  subscribe(FAILED, listen);
  onTestFinished(() => void unsubscribe(FAILED, listen));
  const brokers = [`127.0.0.1:${address.port}`, `127.0.0.1:${address.port}`];
  const connection: KafkaConnection = { brokers, clientId: "c", tls: null, sasl: null };
  const opened = open(new PlatformaticClient(connection));
  const [socket]: Socket[] = await accepted;
  const ended = once(socket.resume(), "close");
  await opened.close();
  await expect(ended).resolves.toBeDefined();
});

test(
  "what a client still tries once its time for the farewell is over leaves no connection either",
  { timeout: 30_000 },
  async () => {
    const server = createServer();
    const sockets: Socket[] = [];
    server.on("connection", (socket) => sockets.push(socket.resume()));
    server.listen(0);
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const client = new Admin({
      clientId: "c",
      bootstrapBrokers: [`127.0.0.1:${address.port}`],
      retries: 1,
      retryDelay: 10,
    });
    // As a member leaves its group: over a connection that is gone, and then over one of its own.
    const farewell = Promise.withResolvers<void>();
    const close = clientCloser(client, async () => {
      await client.metadata({ topics: ["t"] }).finally(farewell.resolve);
    });
    await close();
    await farewell.promise.catch(() => undefined);
    expect(sockets.length).toBeGreaterThan(0);
    for (const socket of sockets) if (!socket.closed) await once(socket, "close");
  },
);

test.each([
  ["127.0.0.1:99999", null, /Port should be/],
  ["127.0.0.1:9", { ca: null, cert: "none", key: "none" }, /PEM/],
])(
  "a connection that cannot even be made, as to %s: why is told, and the close is one",
  async (broker, tls, why) => {
    const client = new PlatformaticClient({ brokers: [broker], clientId: "c", tls, sasl: null });
    const admin = client.admin();
    await expect(admin.describeTopic("t")).rejects.toThrow(why);
    await admin.close();
  },
);

/** A server that does not listen yet. */
async function refusing() {
  const server: Server = createServer();
  server.listen(0);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  server.close();
  await once(server, "close");
  onTestFinished(() => {
    server.close();
  });
  return { server, address };
}
