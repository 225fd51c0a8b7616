import { findFreePort, systemRandom } from "@millrace/runtime";

/**
 * Below the range from which systems give ports to outgoing connections and to who asks for any: a port that is free stays
 * free until its program listens there, also over a restart.
 */
const PORTS_FROM = 20_000;
const PORTS_COUNT = 10_000;
/** Files that run beside each other take theirs from parts of their own: what is free may be waiting for its program. */
const PARTS_COUNT = 4;
const PART_PORTS = PORTS_COUNT / PARTS_COUNT;
const part = Number(process.env["VITEST_POOL_ID"] ?? 0) % PARTS_COUNT;

let nextPort = PORTS_FROM + Math.floor((part + systemRandom.next()) * PART_PORTS);

/** For a program that has to be told its port. Each call gives another. */
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
