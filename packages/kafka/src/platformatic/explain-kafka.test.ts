// What a wrong port or listener says names the address and what to compare, whoever connects.
import http from "node:http";
import net from "node:net";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, onTestFinished, test } from "vitest";
import * as kafka from "@platformatic/kafka";
import type { KafkaConnection } from "../kafka-connection.ts";
import { explainKafka } from "./explain-kafka.ts";
import { PlatformaticClient } from "./platformatic-client.ts";

const TLS = { ca: null, cert: null, key: null };
const SASL = { mechanism: "PLAIN", username: "a", password: "b" } as const;
const closes = () =>
  net.createServer((socket) => socket.on("error", () => {}).on("data", () => socket.destroy()));
const web = () => http.createServer((_, response) => response.end("no Kafka"));

async function reasonAt(server: net.Server, settings: Partial<KafkaConnection>) {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const broker = `127.0.0.1:${port}`;
  const connection = { brokers: [broker], clientId: "c", tls: null, sasl: null, ...settings };
  const admin = new PlatformaticClient(connection).admin();
  onTestFinished(async () => {
    await admin.close();
    server.close();
  });
  const reason: unknown = await admin.describeTopic("orders").catch((error: unknown) => error);
  return { broker, reason: reason instanceof Error ? reason.message : String(reason) };
}

test.each([
  { of: "TLS to a plain listener", server: closes, settings: { tls: TLS }, says: "no TLS" },
  { of: "TLS to a port of something else", server: web, settings: { tls: TLS }, says: "no TLS" },
  { of: "a port that is not Kafka's", server: web, settings: {}, says: "no Kafka listener" },
  {
    of: "a login at a port that is not Kafka's",
    server: web,
    settings: { sasl: SASL },
    says: "no Kafka listener",
  },
])("$of: which address, and what to compare", async ({ server, settings, says }) => {
  const { broker, reason } = await reasonAt(server(), settings);
  expect(reason).toContain(broker);
  expect(reason).toContain(says);
  expect(reason).toContain("compare");
});

test("a certificate of an authority that is not ours, or of none that the system has: which setting names it", async () => {
  const { agentCertificate, serverCertificate: cert, serverKey: key } = TEST_CERTIFICATES;
  for (const ca of [null, agentCertificate]) {
    const settings = { tls: { ...TLS, ca } };
    const { broker, reason } = await reasonAt(tls.createServer({ cert, key }), settings);
    expect(reason).toBe(
      `the certificate at ${broker} is of no authority that is trusted here: let tls.ca name the file of the brokers' CA`,
    );
  }
});

test("a login where the listener takes none, or not this way: which address, and what to set", () => {
  const refused = (apiCode: number) => explainKafka(new kafka.ProtocolError(apiCode), ["orders"], ["k:9092"]);
  expect(refused(34)).toBe("k:9092 takes no login: leave sasl out, or give a listener with SASL");
  expect(refused(33)).toContain("k:9092 does not take this way to log in");
});
