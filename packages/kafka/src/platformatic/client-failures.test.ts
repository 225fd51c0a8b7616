// What is said of a request whose connection ended: by a broker, or by the client itself for want of an answer.
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "@millrace/runtime";
import { Admin, apiVersionsV3 } from "@platformatic/kafka";
import { expect, onTestFinished, test } from "vitest";
import { ClientFailures } from "./client-failures.ts";

const TIMEOUT_MS = 300;

/** Two requests over one connection, the second while the first waits; what is said of each, and by what broker. */
async function reasonsAt(server: Server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const brokers = [`127.0.0.1:${address.port}`];
  const client = new Admin({ clientId: "c", bootstrapBrokers: brokers, requestTimeout: TIMEOUT_MS });
  onTestFinished(async () => {
    await client.close();
    server.close();
  });
  const failures = new ClientFailures({ topics: ["t"], brokers, clock: systemClock });
  failures.watch(client);
  const connection = await client.connections.get({ host: "127.0.0.1", port: address.port });
  const ask = () =>
    apiVersionsV3.api.async(connection, "c", "1").then(
      () => "answered",
      (error: unknown) => failures.explain(error),
    );
  const first = ask();
  await delay(TIMEOUT_MS / 3);
  const second = ask();
  return { broker: brokers[0], reasons: await Promise.all([first, second]) };
}

test("a broker that gives no answer in time is told as that, by all that waited on its connection", async () => {
  const { broker, reasons } = await reasonsAt(createServer((socket) => socket.resume()));
  const reason = `no answer in time from ${broker}: a broker hangs, or the way to it does`;
  expect(reasons).toEqual([reason, reason]);
});

test.each<[string, (socket: Socket) => void]>([
  ["ends", (socket) => socket.end()],
  ["resets", (socket) => socket.resetAndDestroy()],
])("a broker that %s the connection is told as that", async (_, end) => {
  let requests = 0;
  const server = createServer((socket) => socket.on("data", () => (requests += 1) === 2 && end(socket)));
  const { reasons } = await reasonsAt(server);
  for (const reason of reasons) expect(reason).toContain("was closed; where that goes on");
});
