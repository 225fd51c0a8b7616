// A client is silent one and a half keep-alive times after the last that came of it, to the millisecond; never before.
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { KeepAlive } from "./keep-alive.ts";

function watched(keepAliveMs: number) {
  const time = new SimulatedTime(0);
  const client = { heardAtMs: 0, hasUnread: false, silentAtMs: null as number | null };
  const keepAlive = new KeepAlive({
    clock: time.clock(),
    keepAliveMs,
    heardAtMs: () => client.heardAtMs,
    hasUnread: () => client.hasUnread,
    onSilent: () => (client.silentAtMs = time.nowMs),
  });
  return { time, client, keepAlive };
}

test("a client that sent something 0.95 s after its CONNECT is silent 3 s after that, with a keep-alive time of 2 s", async () => {
  const { time, client } = watched(2_000);
  client.heardAtMs = 950;
  await time.run(3_949);
  expect(client.silentAtMs).toBeNull();
  await time.run(1);
  expect(client.silentAtMs).toBe(3_950);
});

test("a client that sends just in time is never silent", async () => {
  const { time, client } = watched(1_000);
  for (let round = 0; round < 50; round += 1) {
    await time.run(1_499);
    client.heardAtMs = time.nowMs;
  }
  expect(client.silentAtMs).toBeNull();
});

test("what has come and is not read yet is no silence", async () => {
  const { time, client } = watched(1_000);
  client.hasUnread = true;
  await time.run(60_000);
  expect(client.silentAtMs).toBeNull();
  client.hasUnread = false;
  await time.run(1_500);
  expect(client.silentAtMs).not.toBeNull();
});

test("nothing is said of a connection that has ended", async () => {
  const { time, client, keepAlive } = watched(1_000);
  keepAlive.stop();
  await time.run(10_000);
  expect(client.silentAtMs).toBeNull();
});
