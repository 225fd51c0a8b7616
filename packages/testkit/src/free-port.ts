import { findFreePort, systemRandom } from "@millrace/runtime";

/**
 * Below the range from which systems give ports to outgoing connections and to who asks for any: a port that is free stays
 * free until its program listens there, also over a restart.
 */
const PORTS_FROM = 20_000;
const PORTS_COUNT = 10_000;

let nextPort = PORTS_FROM + Math.floor(systemRandom.next() * PORTS_COUNT);

/** For a program that has to be told its port. Each call gives another, and another process most likely others. */
export async function freePort(): Promise<number> {
  const port = await findFreePort({
    host: "127.0.0.1",
    port: nextPort,
    purpose: "a test",
    setting: "the test",
  });
  nextPort = port + 1;
  return port;
}
