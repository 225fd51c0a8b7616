// What the authority signs is what TLS takes: Node's own reader, and a real handshake, judge it.
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { certifiedNameOf } from "@millrace/runtime";
import { afterEach, expect, test } from "vitest";
import { issueAgent, issueServer, makeAuthority } from "./certificates.ts";

const VALIDITY = { fromMs: Date.now(), days: 30 };
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

test("an authority signs agents and listeners; names, times, usages and serials are as they should be", async () => {
  const authority = await makeAuthority("Millrace plant authority", VALIDITY);
  const agent = await issueAgent(authority, "alpha-1", VALIDITY);
  const server = await issueServer(authority, ["central.example", "192.0.2.7"], VALIDITY);
  const [ca, alpha, central] = [authority, agent, server].map(({ cert }) => new X509Certificate(cert));
  expect([ca?.ca, alpha?.ca, central?.ca]).toEqual([true, false, false]);
  expect(alpha?.subject).toBe("CN=alpha-1");
  expect(central?.subjectAltName).toBe("DNS:central.example, IP Address:192.0.2.7");
  for (const each of [alpha, central]) {
    expect(ca === undefined ? undefined : each?.verify(ca.publicKey)).toBe(true);
    expect(ca === undefined ? undefined : each?.checkIssued(ca)).toBe(true);
    expect(each?.validToDate.getTime()).toBe(Math.floor((VALIDITY.fromMs + 30 * 86_400_000) / 1_000) * 1_000);
  }
  expect(alpha?.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  expect(new Set([ca, alpha, central].map((each) => each?.serialNumber)).size).toBe(3);
});

test("a handshake with them names the agent; one of another authority is not let in", async () => {
  const authority = await makeAuthority("ours", VALIDITY);
  const server = await issueServer(authority, ["localhost"], VALIDITY);
  const agent = await issueAgent(authority, "alpha-1", VALIDITY);
  const listener = createServer({
    ...server,
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
  }).listen(0, "127.0.0.1");
  ends.push(() => listener.close());
  await once(listener, "listening");
  const address = listener.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const names: (string | null)[] = [];
  listener.on("secureConnection", (socket: TLSSocket) => names.push(certifiedNameOf(socket)));
  const dial = (identity: { readonly cert: string; readonly key: string }) => {
    const socket = connect({
      port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: authority.cert,
      ...identity,
    });
    ends.push(() => socket.destroy());
    return socket;
  };
  const known = dial(agent);
  await Promise.all([once(known, "secureConnect"), once(listener, "secureConnection")]);
  const strange = dial(await issueAgent(await makeAuthority("ours", VALIDITY), "alpha-1", VALIDITY));
  strange.on("error", () => {});
  const [refused] = await once(listener, "tlsClientError");
  expect(refused).toBeInstanceOf(Error);
  expect(names).toEqual(["alpha-1"]);
});
