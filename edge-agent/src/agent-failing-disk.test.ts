// While the disk takes no writes, or does not answer: nothing is acknowledged, rules go on, and nothing is lost.
import { MemoryStore } from "@millrace/queue";
import { MillraceError } from "@millrace/runtime";
import { describe, expect, it } from "vitest";
import { RULES, audits, bench } from "./agent-bench.test-support.ts";

describe("while the store takes no writes", () => {
  it("nothing is acknowledged, rules go on, and all is durable once it does again", async () => {
    const store = new MemoryStore();
    const { agent, time, temperature, commands } = await bench({ store });
    agent.start();
    store.failNextCommits(3);
    let isAcknowledged = false;
    void temperature(90)?.then(() => (isAcknowledged = true));
    await time.run(20);
    expect(isAcknowledged).toBe(false);
    expect(agent.status().store.failure).not.toBeNull();
    expect(commands).toHaveLength(1);
    await time.run(20_000);
    expect(isAcknowledged).toBe(true);
    expect(agent.status().store.failure).toBeNull();
    expect(agent.status().ledger).toMatchObject({ received: 1, aggregated: 1 });
  });

  it("a store that is gone for good is told once, tried no more, and rules go on", async () => {
    const store = new MemoryStore();
    let failedCount = 0;
    const { agent, time, temperature, commands } = await bench({
      store,
      failedForGood: () => (failedCount += 1),
    });
    agent.start();
    await time.run(1_000);
    let triedCount = 0;
    store.commit = () => {
      triedCount += 1;
      return Promise.reject(new MillraceError("store_gone", { path: "memory" }));
    };
    let isAcknowledged = false;
    void temperature(50)?.then(() => (isAcknowledged = true));
    await time.run(10_000);
    void temperature(90);
    await time.run(10_000);
    expect({ failedCount, triedCount, isAcknowledged }).toEqual({
      failedCount: 1,
      triedCount: 1,
      isAcknowledged: false,
    });
    expect(agent.status().store.failure).toContain("was removed or replaced");
    expect(commands).toHaveLength(1);
    await expect(time.during(agent.stop(10_000))).rejects.toThrow(/2 readings/);
  });

  it("a stop ends within seconds, and says what is not on disk", async () => {
    const store = new MemoryStore();
    const { agent, time, temperature } = await bench({ store });
    agent.start();
    await time.run(1_000);
    store.failNextCommits(1_000);
    void temperature(50);
    // So long that the next attempt is seconds away.
    await time.run(60_000);
    void temperature(51);
    const stoppedAtMs = time.nowMs;
    await expect(time.during(agent.stop(10_000))).rejects.toThrow(
      /takes no writes \(.*injected failure.*\); 2 readings .* not on disk/,
    );
    expect(time.nowMs - stoppedAtMs).toBeLessThan(3_000);
  });

  it("a stop keeps everything when the disk takes writes again in time", async () => {
    const store = new MemoryStore();
    const { agent, time, temperature } = await bench({ store });
    agent.start();
    await time.run(1_000);
    store.failNextCommits(1_000);
    void temperature(50);
    await time.run(60_000);
    store.failNextCommits(1);
    await time.during(agent.stop(0));
    const { agent: next } = await bench({ store: store.crash() });
    expect(next.status().ledger).toMatchObject({ received: 1, aggregated: 1 });
  });
});

describe("a reconnect while the store takes no writes", () => {
  async function onFullDisk(epoch: number) {
    const store = new MemoryStore();
    const agent = await bench({ store });
    agent.agent.start();
    await agent.time.run(100);
    void agent.temperature(50);
    await agent.time.run(1_000);
    agent.central.epoch = epoch;
    agent.central.heartbeats.length = 0;
    agent.central.batches.length = 0;
    store.failNextCommits(1_000);
    void agent.temperature(51);
    await agent.time.run(100);
    agent.central.hangUp();
    await agent.time.run(5_000);
    return { ...agent, store };
  }

  it("goes up at once, tells central why nothing new comes, and sends again what it had sent", async () => {
    const { agent, time, central, store } = await onFullDisk(1);
    expect(agent.status().link).toMatchObject({ state: "up", reason: "connected" });
    expect(central.heartbeats.at(-1)?.status?.["storeFailure"]).toContain("injected failure");
    expect(central.batches).toMatchObject([{ lane: "live", sequence: 1 }]);
    store.failNextCommits(0);
    await time.run(10_000);
    expect(central.heartbeats.at(-1)?.status?.["storeFailure"]).toBe("");
    expect(central.batches.at(-1)).toMatchObject({ lane: "live", sequence: 2 });
  });

  it("that brings a new epoch sends no batch before the disk holds it, and says what it waits for", async () => {
    const { agent, time, central, store, temperature } = await onFullDisk(2);
    const { link } = agent.status();
    expect(link.state).toBe("up");
    expect(link.reason).toMatch(/until the disk holds epoch 2: .*injected failure/);
    expect(central.heartbeats.at(-1)?.status?.["storeFailure"]).toContain("injected failure");
    central.hangUp();
    await time.run(5_000);
    expect(central.batches).toEqual([]);
    store.failNextCommits(0);
    await time.run(10_000);
    expect(agent.status().link).toMatchObject({ state: "up", reason: "connected" });
    void temperature(52);
    await time.run(1_000);
    const sent = new Set(central.batches.map(({ sequence, epoch }) => `${sequence} of epoch ${epoch}`));
    expect([...sent]).toEqual(["1 of epoch 1", "2 of epoch 1", "3 of epoch 2"]);
  });
});

describe("a disk that does not answer, without an error", () => {
  it("is named as a failure after five seconds; memory is bounded, nothing is acknowledged, rules go on; and all is well once it answers", async () => {
    const disk = Promise.withResolvers<void>();
    let isHanging = false;
    const store = new MemoryStore({
      delay: (operation) => (operation === "commit" && isHanging ? disk.promise : Promise.resolve()),
    });
    const { agent, time, central, commands, publish, temperature } = await bench({ store });
    agent.start();
    await time.run(2_000);
    isHanging = true;
    let acknowledgedCount = 0;
    const waiting = temperature(20)?.then(() => (acknowledgedCount += 1));
    await time.run(4_900);
    expect(agent.storeFailure).toBeNull();
    await time.run(1_500);
    expect(agent.storeFailure).toBe("the disk does not answer: a write is under way for 6 s");
    expect(agent.status().store.failure).toBe(agent.storeFailure);
    expect(central.heartbeats.at(-1)?.status?.["storeFailure"]).toContain("the disk does not answer");
    let refusedCount = 0;
    for (let count = 0; count < 300_000; count += 1)
      publish("factory/alpha/m1/level", String(count), false, true, 0)?.catch(() => (refusedCount += 1));
    await time.run(1_000);
    const { received, pending } = agent.status().ledger;
    expect([received, pending, refusedCount]).toEqual([250_001, 250_001, 50_000]);
    await expect(temperature(90)).rejects.toThrow("takes no writes");
    expect(commands).toHaveLength(1);
    expect(acknowledgedCount).toBe(0);
    isHanging = false;
    disk.resolve();
    await time.run(1_000);
    await waiting;
    expect(agent.storeFailure).toBeNull();
    expect(agent.status().ledger.pending).toBe(0);
    await time.during(temperature(70) ?? Promise.reject(new Error("not waited for")));
  });
});

it("an audit trail that no commit takes keeps its newest lines", async () => {
  const store = new MemoryStore();
  const { agent, time, temperature } = await bench({ store, pipeline: RULES });
  agent.start();
  await time.run(500);
  store.failNextCommits(1_000_000);
  for (let number = 0; number < 12_000; number += 1) agent.audit({ number });
  temperature(90)?.catch(() => undefined);
  await time.run(1_000);
  store.failNextCommits(0);
  await time.run(20_000);
  const lines = await audits(store);
  expect(lines).toContainEqual(expect.objectContaining({ number: 11_999 }));
  expect(lines).toContainEqual(expect.objectContaining({ action: "commanded" }));
});
