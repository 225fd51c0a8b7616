// What goes to central and comes from there: lanes, marks, heartbeats, the cap, requests.
import { MemoryStore } from "@millrace/queue";
import { describe, expect, it } from "vitest";
import { PREFIX, prefixRange } from "./durability/agent-store.ts";
import { START_MS, alarmsOf, bench, config } from "./agent-bench.test-support.ts";
import type { ScriptedCentral } from "./scripted-central.test-support.ts";

describe("the outbox", () => {
  it("sends live deltas under the epoch that central gave, and empties as they are acknowledged", async () => {
    const { agent, time, central, temperature } = await bench();
    central.epoch = 7;
    agent.start();
    await time.run(100);
    void temperature(50);
    await time.run(1_000);
    expect(central.batches).toMatchObject([{ lane: "live", sequence: 1, epoch: 7, readingCount: 1 }]);
    central.acknowledge();
    await time.run(2_000);
    expect(agent.status().ledger).toMatchObject({ forwarded: 1, queued: 0, open: 0 });
  });

  it("keeps panes in backfill while the link is down, says so in its frontier, and drains it after", async () => {
    const { agent, time, central, temperature } = await bench();
    central.isReachable = false;
    agent.start();
    for (let second = 0; second < 40; second += 1) {
      void temperature(50 + second / 10);
      await time.run(1_000);
    }
    expect(agent.status().lanes["backfill"]?.queuedBatches).toBeGreaterThan(0);
    central.isReachable = true;
    await time.run(20_000);
    expect(central.heartbeats[0]?.frontier.pending.length).toBeGreaterThan(0);
    central.acknowledge();
    await time.run(3_000);
    expect(central.heartbeats.at(-1)?.frontier.pending).toEqual([]);
    expect(agent.status().ledger.aggregated).toBe(40);
  });

  it("sends alarms and live panes beside a backlog that fills the link, and only alarms while nothing leaves", async () => {
    const { agent, time, central, publish, temperature } = await bench();
    central.isReachable = false;
    agent.start();
    for (let pane = 0; pane < config.uplink.inFlightBatchesMax + 8; pane += 1) {
      void publish("factory/alpha/m1/level", "1");
      await time.run(10_000);
    }
    central.isReachable = true;
    await time.run(20_000);
    const lanes = () => new Set(central.batches.map(({ lane }) => lane));
    expect([...lanes()]).toEqual(["backfill"]);
    central.batches.length = 0;
    void temperature(50);
    await time.run(400);
    expect([...lanes()]).toEqual(["live"]);
    central.batches.length = 0;
    central.bufferedBytes = 100_000;
    void temperature(90);
    await time.run(400);
    expect([...lanes()]).toEqual(["alarm"]);
    central.bufferedBytes = 0;
    await time.run(400);
    expect([...lanes()]).toEqual(["alarm", "live"]);
  });

  it("says for how long the link is down, however often it is tried meanwhile", async () => {
    const { agent, time, central } = await bench();
    agent.start();
    await time.run(10_000);
    expect(agent.status().link.state).toBe("up");
    central.isReachable = false;
    central.hangUp();
    await time.run(300_000);
    const { state, sinceMs } = agent.status().link;
    expect(state).not.toBe("up");
    expect(sinceMs).toBeGreaterThan(280_000);
  });

  it("takes anything that central says as proof that the link lives", async () => {
    const { agent, time, central } = await bench();
    agent.start();
    await time.run(100);
    central.isEchoing = false;
    for (let second = 0; second < 20; second += 1) {
      central.acknowledge();
      await time.run(1_000);
    }
    expect(agent.status().link.state).toBe("up");
    expect(central.hellos).toHaveLength(1);
    await time.run(7_000);
    expect(central.hellos.length).toBeGreaterThan(1);
  });

  it("sends again what a restored central lacks, and takes back that it was forwarded", async () => {
    const { agent, time, central, temperature } = await bench();
    agent.start();
    await time.run(100);
    void temperature(50);
    await time.run(1_000);
    central.acknowledge();
    await time.run(2_000);
    central.marks = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
    const { length: before } = central.batches;
    central.hangUp();
    await time.run(5_000);
    expect(central.batches.slice(before)).toMatchObject([{ lane: "live", sequence: 1 }]);
    expect(agent.status().ledger).toMatchObject({ forwarded: 0, queued: 1 });
  });

  it("sends its open panes at an orderly stop", async () => {
    const { agent, time, central, publish } = await bench();
    agent.start();
    await time.run(100);
    void publish("factory/alpha/m1/level", "3");
    await time.run(1_000);
    expect(central.batches).toEqual([]);
    await time.during(agent.stop(500));
    expect(central.batches).toMatchObject([{ lane: "live", readingCount: 1 }]);
  });

  it("splits what does not fit one batch, and every batch is one that central takes", async () => {
    const { agent, time, central, publish } = await bench({ seriesPerMetricMax: 5_000 });
    agent.start();
    await time.run(100);
    for (let machine = 0; machine < 2_000; machine += 1) {
      void publish(
        `factory/alpha/${String(machine).padStart(250, "m")}/temperature`,
        `{"t":50,"ts":${START_MS}}`,
      );
    }
    await time.run(3_000);
    expect(central.refusedCount).toBe(0);
    expect(central.batches.length).toBeGreaterThan(1);
    expect(central.batches.reduce((sum, { readingCount }) => sum + readingCount, 0)).toBe(2_000);
  });

  it("sends more alarms than one batch holds", async () => {
    const { agent, time, central, publish } = await bench({ seriesPerMetricMax: 10_000 });
    agent.start();
    await time.run(100);
    for (let machine = 0; machine < 5_000; machine += 1) {
      void publish(`factory/alpha/m${machine}/temperature`, `{"t":90,"ts":${START_MS}}`);
    }
    await time.run(3_000);
    expect(central.refusedCount).toBe(0);
    expect(central.batches.filter(({ lane }) => lane === "alarm").length).toBeGreaterThan(1);
  });

  it("gives up the oldest backlog at its cap, and counts it", async () => {
    const bytesMax = 450;
    const { agent, time, central, publish } = await bench({ bytesMax });
    central.isReachable = false;
    agent.start();
    for (let round = 0; round < 400; round += 1) {
      void publish("factory/alpha/m1/level", "1");
      await time.run(10_000);
    }
    await time.run(20_000);
    const { ledger, lanes } = agent.status();
    expect(ledger.evicted).toBeGreaterThan(0);
    expect(ledger.open + ledger.queued + ledger.forwarded + ledger.evicted).toBe(400);
    expect(lanes["backfill"]?.queuedBytes).toBeLessThanOrEqual(bytesMax);
  });

  it("makes the backlog coarser before it gives any up", async () => {
    const bytesMax = 2_000;
    const { agent, time, central, publish } = await bench({ bytesMax });
    central.isReachable = false;
    agent.start();
    for (let round = 0; round < 40; round += 1) {
      void publish("factory/alpha/m1/level", "1");
      await time.run(10_000);
    }
    await time.run(20_000);
    expect(agent.status().ledger).toMatchObject({ evicted: 0, aggregated: 40 });
    expect(agent.status().lanes["backfill"]?.queuedBytes).toBeLessThanOrEqual(bytesMax);
    central.isReachable = true;
    for (let round = 0; round < 10; round += 1) {
      await time.run(5_000);
      central.acknowledge();
    }
    await time.run(1_000);
    const { ledger } = agent.status();
    expect(ledger).toMatchObject({ evicted: 0, damaged: 0, queued: 0 });
    // The last ones wait for the watermark.
    expect(ledger.forwarded + ledger.open).toBe(40);
  });

  it("tells how much of the backlog it has made coarser, and of what time", async () => {
    const { agent, time, central, publish } = await bench({ bytesMax: 2_000 });
    central.isReachable = false;
    agent.start();
    for (let round = 0; round < 150; round += 1) {
      if (round === 5) expect(agent.status().disk.coarsened).toBeNull();
      void publish("factory/alpha/m1/level", "1");
      await time.run(10_000);
    }
    const { disk, ledger } = agent.status();
    expect(ledger).toMatchObject({ evicted: 0, aggregated: 150 });
    // Of six panes of 10 s one of a minute remains.
    expect(disk.coarsened?.rows).toBeGreaterThan(50);
    expect(disk.coarsened?.rows).toBeLessThan(125);
    expect(disk.coarsened?.startMs).toBeLessThanOrEqual(START_MS);
    expect(disk.coarsened?.endMs).toBeGreaterThan(START_MS + 600_000);
  });

  it("takes no more of a disk that is low, says so, and goes on once there is room", async () => {
    let free = 1 << 30;
    const { agent, time, central, publish } = await bench({ freeBytes: () => free });
    central.isReachable = false;
    agent.start();
    const run = async (rounds: number) => {
      for (let round = 0; round < rounds; round += 1) {
        void publish("factory/alpha/m1/level", "1");
        await time.run(10_000);
      }
      const { lanes, disk } = agent.status();
      return { bytes: lanes["backfill"]?.queuedBytes ?? 0, disk };
    };
    const before = await run(20);
    expect(before.disk).toMatchObject({ isLow: false, bytesLeft: (1 << 20) - before.bytes });
    expect(before.disk.hoursLeft).toBeGreaterThan(1);
    free = (1 << 20) - 1;
    const low = await run(200);
    expect(low.disk).toMatchObject({ isLow: true, bytesLeft: 0, freeBytes: free });
    expect(low.bytes).toBeLessThan(1.2 * before.bytes);
    free = 1 << 30;
    const again = await run(40);
    expect(again.disk.isLow).toBe(false);
    expect(again.bytes).toBeGreaterThan(1.5 * low.bytes);
  });

  it("gives up the oldest alarms of a flood beyond their share, keeps panes, and tells central", async () => {
    const bytesMax = 40_000;
    const store = new MemoryStore();
    const { agent, time, central, temperature, publish } = await bench({ store, bytesMax });
    central.isReachable = false;
    agent.start();
    for (let round = 0; round < 200; round += 1) {
      void publish("factory/alpha/m1/level", "1");
      void temperature(round % 2 === 0 ? 90 : 50);
      await time.run(1_000);
    }
    const { ledger, lanes } = agent.status();
    expect(ledger.alarmBatchesEvicted).toBeGreaterThan(0);
    // Ten seconds' alarms may stand above the share until it is looked at again.
    expect(lanes["alarm"]?.queuedBytes).toBeLessThan(bytesMax / 4 + 10_000);
    expect(lanes["alarm"]?.queuedBatches).toBeGreaterThan(10);
    expect(ledger).toMatchObject({ evicted: 0 });
    const again = await bench({ store: store.crash(), startMs: time.nowMs });
    expect(again.agent.status().ledger.alarmBatchesEvicted).toBe(ledger.alarmBatchesEvicted);
    again.agent.start();
    await again.time.run(2_000);
    again.central.acknowledge();
    await again.time.run(2_000);
    const [first, ...others] = again.central.batches.filter(({ lane }) => lane === "alarm");
    expect(first).toMatchObject({ kind: "skipped", sequence: 1, readingCount: 0 });
    expect(new Set(others.map(({ kind }) => kind))).toEqual(new Set(["alarms"]));
    expect(again.central.heartbeats.at(-1)?.ledger).toMatchObject({
      alarmBatchesEvicted: ledger.alarmBatchesEvicted,
    });
  });
});

describe("a link that is up and slower than the plant", () => {
  it("evicts what the link has not taken, of panes and of alarms", async () => {
    const bytesMax = 40_000;
    const { agent, time, central, temperature } = await bench({ bytesMax });
    agent.start();
    for (let round = 0; round < 600; round += 1) {
      void temperature(round % 2 === 0 ? 90 : 50);
      await time.run(500);
      // One in four.
      if (round % 4 === 0) central.acknowledge(1);
    }
    expect(agent.status().link.state).toBe("up");
    const { lanes, ledger } = agent.status();
    expect(ledger.evicted).toBeGreaterThan(0);
    expect(ledger.alarmBatchesEvicted).toBeGreaterThan(0);
    // In flight, marked to be sent next, and appended since the last look: at most so many batches of each lane.
    const batchesOver = 2 * config.uplink.inFlightBatchesMax + 2 * 10;
    const bytesOver = batchesOver * 500;
    expect(lanes["alarm"]?.queuedBytes).toBeLessThan(bytesMax / 4 + bytesOver);
    expect(lanes["live"]?.queuedBytes).toBeLessThan(bytesMax + bytesOver);
  });

  it("needs no second commit to send a live batch while the link keeps up", async () => {
    const store = new MemoryStore();
    const { agent, time, central, temperature } = await bench({ store });
    agent.start();
    void temperature(50);
    await time.run(2_000);
    central.acknowledge();
    await time.run(2_000);
    const [commitCount, batchCount] = [store.commitCount, central.batches.length];
    void temperature(51);
    await time.runUntil(() => central.batches.length > batchCount, 2_000);
    // The reading's own, and the batch's.
    expect(store.commitCount - commitCount).toBeLessThanOrEqual(2);
  });
});

describe("a heartbeat", () => {
  it("promises no watermark whose panes are still on their way to the disk", async () => {
    const disk = { isHeld: false, release: () => undefined as void };
    const store = new MemoryStore({
      delay: (operation) => {
        if (operation !== "commit" || !disk.isHeld) return Promise.resolve();
        const { promise, resolve } = Promise.withResolvers<void>();
        disk.release = resolve;
        return promise;
      },
    });
    const { agent, time, central, temperature } = await bench({ store });
    agent.start();
    await time.run(100);
    void temperature(50, START_MS);
    await time.run(1_500);
    const durableMs = agent.status().watermarkMs;
    disk.isHeld = true;
    void temperature(51, START_MS + 1_600);
    await time.run(2_000);
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBe(durableMs);
    disk.isHeld = false;
    disk.release();
    await time.run(2_000);
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBe(START_MS + 1_600 - 5_000);
  });
});

describe("what central asks for", () => {
  it("is carried out once and answered until central has heard; the audit trail says who asked", async () => {
    const { agent, time, central, store, temperature } = await bench();
    agent.start();
    await time.run(100);
    void temperature(90);
    await time.run(100);
    const [{ id }] = agent.status().alarms;
    const ask = async (request: string, alarm: string, kind = "reset_alarm") => {
      central.requests = [{ id: request, kind, alarm, by: "page" }];
      await time.run(2_500);
      return central.heartbeats.at(-1)?.answers;
    };
    expect(await ask("one", id)).toEqual([{ id: "one", outcome: "condition_holds" }]);
    void temperature(70);
    await time.run(100);
    expect(await ask("two", "another")).toEqual([{ id: "two", outcome: "no_such_alarm" }]);
    expect(await ask("three", id, "open_the_gate")).toEqual([{ id: "three", outcome: "not_understood" }]);
    expect(agent.status().alarms).toHaveLength(1);
    expect(await ask("four", id)).toEqual([{ id: "four", outcome: "done" }]);
    expect(agent.status().alarms).toEqual([]);
    expect(alarmsOf(central).at(-1)).toMatchObject({ id, isActive: false, by: "central: page" });
    central.requests = [];
    await time.run(2_500);
    expect(central.heartbeats.at(-1)?.answers).toBeUndefined();
    const audits: unknown[] = [];
    for await (const { value } of store.range(prefixRange(PREFIX.audit)))
      audits.push(JSON.parse(new TextDecoder().decode(value)));
    expect(audits.at(-1)).toMatchObject({ by: "central: page", id, isLatched: false });
    expect(audits.slice(0, -1).filter((audit) => JSON.stringify(audit).includes("page"))).toEqual([]);
  });
});

describe("the status in heartbeats", () => {
  const toldOf = (central: ScriptedCentral) =>
    central.heartbeats.splice(0).map(({ status }) => status !== undefined);

  it("is told until an echo shows that central has it, and when it changes; anew to each connection", async () => {
    const { agent, time, central, temperature } = await bench();
    central.keepsStatus = true;
    central.isEchoing = false;
    agent.start();
    await time.run(2_500);
    expect(toldOf(central)).toEqual([true, true, true]);
    central.isEchoing = true;
    await time.run(3_000);
    expect(toldOf(central)).toEqual([true, false, false]);
    void temperature(50);
    await time.run(3_000);
    central.acknowledge();
    expect(toldOf(central)).toContain(true);
    await time.run(3_000);
    expect(toldOf(central).at(-1)).toBe(false);
    central.hangUp();
    await time.run(1_000);
    expect(toldOf(central)[0]).toBe(true);
  });

  it("is told each time to a central from before", async () => {
    const { agent, time, central } = await bench();
    agent.start();
    await time.run(3_500);
    expect(toldOf(central)).toEqual([true, true, true, true]);
  });
});
