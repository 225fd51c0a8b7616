import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./child.ts";

const TRY_MS = 50;
const TRIES_MAX = 600;

/** Until the child listens there; fails when it ends before, or after 30 s. */
export async function waitForPort(child: Child, port: number): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (await answers(port)) return;
    child.assertRuns();
    await sleep(TRY_MS);
  }
  throw new Error(`cannot reach port ${port}: nobody listens there after ${(TRY_MS * TRIES_MAX) / 1_000} s`);
}

function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: "127.0.0.1", port });
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
