// Clocks that are wrong, the gateway's or a sensor's: what they stamp neither acts late nor keeps a machine from being stopped.
import { MemoryStore } from "@millrace/queue";
import { zstdCompression } from "@millrace/runtime";
import { decodePaneBatch, unpackBody } from "@millrace/wire";
import { describe, expect, it } from "vitest";
import { PREFIX, prefixRange } from "./durability/agent-store.ts";
import { parseRedoEntry } from "./durability/redo-entry.ts";
import { DAY_MS, START_MS, bench } from "./agent-bench.test-support.ts";

describe("a clock that jumps while the agent runs", () => {
  it.each([
    ["an hour back", -3_600_000],
    ["to 1970", -START_MS],
  ])(
    "%s, with the link down: what sensors stamp is taken, acts, and moves no watermark back",
    async (_, offsetMs) => {
      const { agent, time, wall, central, commands, temperature } = await bench();
      central.isReachable = false;
      agent.start();
      void temperature(50, START_MS);
      await time.run(10_000);
      void temperature(51, time.nowMs);
      await time.run(1_000);
      const before = agent.status().watermarkMs;
      wall.offsetMs = offsetMs;
      await time.run(20_000);
      void temperature(90, time.nowMs);
      await time.run(1_000);
      const { ledger, clock, watermarkMs } = agent.status();
      expect(ledger).toMatchObject({ aggregated: 3, rejected: { future: 0 } });
      expect(commands).toHaveLength(1);
      expect(clock.isSynchronised).toBe(false);
      expect(watermarkMs).toBeGreaterThan(before ?? 0);
      wall.offsetMs = 0;
      void temperature(60, time.nowMs);
      await time.run(1_000);
      expect(agent.status()).toMatchObject({ clock: { isSynchronised: true }, ledger: { aggregated: 4 } });
    },
  );

  it("an hour ahead of what central has confirmed: a crossing acts, with the link down too; an old reading does not", async () => {
    const { agent, time, wall, central, commands, temperature } = await bench();
    central.clockMs = () => Math.floor(time.nowMs);
    agent.start();
    await time.run(5_000);
    for (const isReachable of [true, false]) {
      central.isReachable = isReachable;
      if (!isReachable) central.hangUp();
      wall.offsetMs = 3_600_000;
      await time.run(10_000);
      void temperature(60, time.nowMs);
      void temperature(90, time.nowMs - 6_000);
      expect(commands).toHaveLength(isReachable ? 0 : 1);
      void temperature(91, time.nowMs);
      expect(commands).toHaveLength(isReachable ? 1 : 2);
      void temperature(60, time.nowMs + 1);
      agent.resetAlarms("all", "test");
      wall.offsetMs = 0;
      await time.run(5_000);
    }
  });
});

describe("a clock that is an hour ahead, and that nobody has proven", () => {
  const HOUR_MS = 3_600_000;
  type On = Awaited<ReturnType<typeof bench>>;
  const send = ({ publish }: On, machine: string, t: number, ts: number) =>
    void publish(`factory/alpha/${machine}/temperature`, JSON.stringify({ t, ts }));
  const live = async (on: On, machines: readonly string[]) => {
    for (let second = 0; second < 12; second += 1) {
      for (const machine of machines) send(on, machine, 60, on.time.nowMs);
      await on.time.run(1_000);
    }
  };

  it("has jumped while one sensor spoke: a crossing acts at once, what is old by the sensor's clock does not", async () => {
    for (const isKafka of [false, true]) {
      const on = await bench({ isKafka });
      on.central.isReachable = isKafka;
      on.agent.start();
      await live(on, ["m1"]);
      on.wall.offsetMs = HOUR_MS;
      await on.time.run(1_000);
      send(on, "m1", 90, on.time.nowMs - 6_000);
      expect(on.commands).toEqual([]);
      send(on, "m1", 91, on.time.nowMs);
      // One that has only just begun does not have to prove itself.
      send(on, "m2", 91, on.time.nowMs);
      expect(on.commands).toHaveLength(2);
    }
  });

  it("was so at the start: a crossing acts once two sensors have kept the pace of time", async () => {
    const on = await bench({ offsetMs: HOUR_MS });
    on.central.isReachable = false;
    on.agent.start();
    await on.time.run(1_000);
    send(on, "m1", 90, on.time.nowMs);
    expect(on.commands).toEqual([]);
    send(on, "m1", 60, on.time.nowMs + 1);
    await live(on, ["m1", "m2"]);
    send(on, "m1", 91, on.time.nowMs);
    expect(on.commands).toHaveLength(1);
  });

  it("is right, as an hour of backlog shows that comes faster than time: none of it acts", async () => {
    for (const pace of [1.3, 2, 100]) {
      const on = await bench();
      on.central.isReachable = false;
      on.agent.start();
      for (let second = 0; second * pace < 3_500 && second < 600; second += 1) {
        for (const machine of ["m1", "m2"])
          send(
            on,
            machine,
            second % 5 === 0 ? 90 : 60,
            on.time.nowMs - HOUR_MS + second * (pace - 1) * 1_000,
          );
        await on.time.run(1_000);
      }
      expect(on.commands, `${pace}`).toEqual([]);
    }
  });

  it("was set right while a backlog from just before its wrong time came in: none of it acts after that", async () => {
    const on = await bench({ offsetMs: -HOUR_MS });
    on.central.isReachable = false;
    on.agent.start();
    const startMs = on.time.nowMs - HOUR_MS;
    let sent = 0;
    const backlog = async (count: number, t: number) => {
      for (let at = 0; at < count; at += 1) {
        sent += 1;
        for (const machine of ["m1", "m2"]) send(on, machine, t, startMs + sent * 2_000);
        await on.time.run(1_000);
      }
    };
    await backlog(20, 60);
    on.wall.offsetMs = 0;
    await backlog(100, 90);
    expect(on.commands).toEqual([]);
  });
});

describe("a sensor whose clock is off", () => {
  it("is told with one that is behind, once both have come at the pace of time", async () => {
    const { agent, time, publish } = await bench();
    agent.start();
    for (let second = 0; second < 15; second += 1) {
      for (const [machine, aheadMs] of Object.entries({ m1: 7_000, m2: -60_000, m3: 2_000 }))
        void publish(
          `factory/alpha/${machine}/temperature`,
          JSON.stringify({ t: 20, ts: time.nowMs + aheadMs }),
        );
      await time.run(1_000);
    }
    expect(agent.status().sensorClocks).toEqual({
      ahead: 1,
      behind: 1,
      most: [
        { metric: "temperature", labels: { site: "alpha", machine: "m2" }, aheadMs: -60_000 },
        { metric: "temperature", labels: { site: "alpha", machine: "m1" }, aheadMs: 7_000 },
      ],
    });
  });
});

describe("a sensor whose clock is six seconds ahead", () => {
  it("stops its machine all the same, with central heard and not; what it had stored does not", async () => {
    for (const isReachable of [false, true]) {
      const { agent, time, central, commands, temperature } = await bench();
      central.isReachable = isReachable;
      central.clockMs = () => Math.floor(time.nowMs);
      agent.start();
      await time.run(3_000);
      expect(agent.status().clock.isProven).toBe(isReachable);
      void temperature(60, time.nowMs + 16_000);
      await time.run(1_000);
      void temperature(90, time.nowMs + 6_000);
      expect(commands).toEqual([]);
      await time.run(60_000);
      void temperature(60, time.nowMs + 6_000);
      await time.run(1_000);
      void temperature(91, time.nowMs + 6_000);
      expect(commands).toHaveLength(1);
      const { ledger, watermarkMs } = agent.status();
      expect(isReachable ? ledger.rejected.future : ledger.held).toBe(4);
      expect(watermarkMs ?? 0).toBeLessThan(time.nowMs);
    }
  });
});

describe("a clock that is set back by an hour while readings come", () => {
  it("is not what the status goes by", async () => {
    const { agent, time, wall, central, temperature } = await bench();
    central.clockMs = () => Math.floor(time.nowMs);
    agent.start();
    await time.run(1_000);
    agent.maintenance.begin({ machine: "m1" }, 60_000, "anna");
    await time.during(temperature(20) ?? Promise.reject(new Error("no wait")));
    await time.run(1_000);
    wall.offsetMs = -3_600_000;
    await time.run(30_000);
    const { clock, maintenance, watermarkMs } = agent.status();
    expect(clock.isSynchronised).toBe(false);
    expect(clock.nowMs - time.nowMs).toBeGreaterThan(-5_000);
    expect(clock.nowMs).toBeGreaterThan(watermarkMs ?? Number.POSITIVE_INFINITY);
    expect(maintenance[0].untilMs - clock.steadyMs).toBeCloseTo(29_000, -3);
  });
});

describe("a clock a day ahead", () => {
  it("that stamped what is stored holds nothing once central and the wall clock agree, after a restart too", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, offsetMs: DAY_MS });
    first.agent.start();
    void first.publish("factory/alpha/m1/level", "1");
    void first.temperature(50, START_MS + DAY_MS);
    await first.time.run(12_000);
    const startMs = START_MS + 20_000;
    const second = await bench({ store: store.crash(), startMs });
    const { agent, time, central } = second;
    central.isReachable = false;
    agent.start();
    await time.run(1_000);
    expect(agent.status().clock.isSynchronised).toBe(false);
    central.isReachable = true;
    central.clockMs = () => Math.floor(time.nowMs);
    await time.runUntil(() => central.heartbeats.length > 0, 60_000);
    expect(agent.status().clock.isSynchronised).toBe(true);
    expect(central.heartbeats[0]?.frontier.watermarkMs).toBeLessThanOrEqual(time.nowMs - 5_000);
    void second.temperature(50, time.nowMs + 3_600_000);
    // What the deduplicator knew under the wrong clock no longer makes this one too old to tell.
    for (const _ of [1, 2]) void second.temperature(51, time.nowMs + 5_000);
    await time.run(10_000);
    expect(agent.status().ledger).toMatchObject({ duplicate: 1, rejected: { future: 1 } });
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBeLessThanOrEqual(time.nowMs);
    await time.run(60_000);
    expect(central.heartbeats.at(-1)?.frontier).toMatchObject({ isIdle: true });
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBeGreaterThan(time.nowMs - 10_000);
  });

  it("moves no watermark of an idle agent, and is followed once central confirms it", async () => {
    const { agent, time, wall, central, temperature } = await bench();
    central.clockMs = () => Math.floor(time.nowMs);
    agent.start();
    void temperature(50, START_MS);
    await time.run(40_000);
    wall.offsetMs = DAY_MS;
    await time.run(10_000);
    const { frontier } = central.heartbeats.at(-1)!;
    expect(frontier.isIdle).toBe(true);
    expect(frontier.watermarkMs).toBeGreaterThan(time.nowMs - 10_000);
    expect(frontier.watermarkMs).toBeLessThan(time.nowMs);
    central.clockMs = () => Math.floor(time.nowMs) + DAY_MS;
    await time.run(35_000);
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBeGreaterThan(time.nowMs + DAY_MS - 10_000);
  });

  it("that no witness has confirmed promises nothing by itself, in no batch and no heartbeat", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.agent.start();
    void first.temperature(50, START_MS);
    await first.time.run(2_000);
    void first.temperature(50, START_MS + 2_000);
    await first.time.run(7_000);
    const { agent, time, wall, central, temperature } = await bench({
      store: store.crash(),
      startMs: START_MS + 10_000,
      offsetMs: DAY_MS,
    });
    central.isReachable = false;
    agent.start();
    await time.run(1_000);
    void temperature(51, START_MS + 8_000);
    await time.run(60_000);
    expect(agent.status().watermarkMs).toBe(START_MS + 3_000);
    central.isReachable = true;
    central.clockMs = () => Math.floor(time.nowMs);
    await time.runUntil(() => central.heartbeats.length > 3, 60_000);
    expect(central.heartbeats.at(-1)?.frontier).toMatchObject({
      watermarkMs: START_MS + 3_000,
      isIdle: true,
    });
    wall.offsetMs = 0;
    await time.run(3_000);
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBeGreaterThan(time.nowMs - 10_000);
    for (const batch of central.batches.filter(({ kind }) => kind === "panes")) {
      const body = unpackBody(batch, zstdCompression);
      const panes = body.ok ? decodePaneBatch(body.body) : body;
      if (!panes.ok) throw new Error(panes.detail);
      expect(panes.message.frontier.watermarkMs ?? 0).toBeLessThan(time.nowMs);
    }
  });

  it("does not make the redo log grow once it is set right", async () => {
    const { agent, time, wall, central, store, temperature } = await bench({ offsetMs: DAY_MS });
    central.clockMs = () => Math.floor(time.nowMs);
    agent.start();
    let redoMost = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      if (minute === 5) wall.offsetMs = 0;
      void temperature(50 + minute);
      await time.run(60_000);
      central.acknowledge();
      let redo = 0;
      for await (const _ of store.range(prefixRange(PREFIX.redo))) redo += 1;
      if (minute >= 30) redoMost = Math.max(redoMost, redo);
      else if (minute === 4) expect(redo).toBeGreaterThan(0);
    }
    let oldest: number | undefined;
    for await (const { value } of store.range({ ...prefixRange(PREFIX.redo), limit: 1 }))
      oldest = parseRedoEntry(value)?.committedAtMs;
    expect(oldest).toBeGreaterThan(time.nowMs - 660_000);
    expect(oldest).toBeLessThan(time.nowMs);
    expect(redoMost).toBeLessThan(1_000);
  });
});
