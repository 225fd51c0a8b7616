// Rules on windows of the agent's own series, over crashes and late readings.
import { MemoryStore, type Store } from "@millrace/queue";
import { describe, expect, it } from "vitest";
import { PIPELINE, START_MS, bench } from "./agent-bench.test-support.ts";

const WINDOW_RULE = `${PIPELINE.slice(0, PIPELINE.indexOf("rules:"))}  machine_10s: { metric: temperature, size: 10s, by: [machine] }
rules:
  hot_window:
    window: machine_10s
    value: max
    when: { above: 80 }
    severity: 500
    action: { publish: "stop/{machine}", payload: STOP, armed: true, latch: false }
`;

describe("a rule on windows", () => {
  type Bench = Awaited<ReturnType<typeof bench>>;
  /** A reading a second, up to the second before `untilS` after the start; hot in seconds `hotS`. */
  async function send({ time, temperature }: Bench, seconds: number, hotS: readonly number[] = []) {
    for (let i = 0; i < seconds; i += 1) {
      const atS = Math.round((time.nowMs - START_MS) / 1000);
      void temperature(hotS.includes(atS) ? 90 : 20);
      await time.run(1_000);
    }
  }

  it("is judged when the watermark passes the window's end, and acts, with the link down", async () => {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.central.isReachable = false;
    one.agent.start();
    await send(one, 15, [3]);
    expect(one.agent.status().alarms).toEqual([]);
    await send(one, 1);
    expect(one.agent.status().alarms).toMatchObject([
      {
        rule: "hot_window",
        metric: "temperature",
        labels: { machine: "m1" },
        value: 90,
        timeMs: START_MS + 10_000,
        isHistorical: false,
        action: "commanded",
      },
    ]);
    expect(one.commands.map(({ topic }) => topic)).toEqual(["stop/m1"]);
    // No reading's arrival is measured: the watermark came by.
    expect(one.agent.status().actionLatency).toBe(null);
    await send(one, 10);
    expect(one.agent.status().alarms).toEqual([]);
    expect(one.commands).toHaveLength(1);
  });

  it("is ended by hand for a group that has fallen silent, and not while one of its series speaks", async () => {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.agent.start();
    await send(one, 17, [3, 12]);
    expect(one.agent.forgetSeries({ machine: "m1" }, "a")).toEqual({ forgottenCount: 0 });
    await one.time.run(120_000);
    expect(one.agent.status().alarms).toHaveLength(1);
    expect(one.agent.resetAlarms("all", "a")).toEqual({ resetCount: 0 });
    expect(one.agent.forgetSeries({ machine: "m2" }, "a")).toEqual({ forgottenCount: 0 });
    expect(one.agent.forgetSeries({ machine: "m1" }, "a")).toEqual({ forgottenCount: 1 });
    expect(one.agent.status().alarms).toEqual([]);
    const hotS = Math.round((one.time.nowMs - START_MS) / 1000) + 5;
    await send(one, 20, [hotS]);
    expect(one.agent.status().alarms).toMatchObject([{ isHistorical: false, value: 90 }]);
  });

  it("a revision of the newest window raises, and never acts; the next window does", async () => {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.agent.start();
    await send(one, 17);
    void one.temperature(95, START_MS + 4_000);
    await send(one, 1);
    expect(one.agent.status().alarms).toMatchObject([{ value: 95, isHistorical: true, action: "none" }]);
    expect(one.commands).toEqual([]);
    await send(one, 9, [18]);
    expect(one.agent.status().alarms).toMatchObject([{ isHistorical: false, action: "commanded" }]);
    expect(one.commands).toHaveLength(1);
  });

  it("a crash loses no reading of an open window, and what was judged before is not acted upon again", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, pipeline: WINDOW_RULE });
    first.agent.start();
    await send(first, 24, [3, 12]);
    expect(first.commands).toHaveLength(1);
    const second = await bench({ store: store.crash(), pipeline: WINDOW_RULE, startMs: first.time.nowMs });
    second.agent.start();
    await send(second, 1);
    expect(second.agent.status().alarms).toMatchObject([{ rule: "hot_window", value: 90, step: 1 }]);
    await send(second, 11);
    expect(second.agent.status().alarms).toEqual([]);
    expect(second.commands).toEqual([]);

    const third = await bench({ pipeline: WINDOW_RULE, store: new MemoryStore() });
    third.agent.start();
    await send(third, 8, [3]);
    const fourth = await bench({
      store: third.store instanceof MemoryStore ? third.store.crash() : third.store,
      pipeline: WINDOW_RULE,
      startMs: third.time.nowMs,
    });
    fourth.agent.start();
    await send(fourth, 9);
    expect(fourth.commands.map(({ topic }) => topic)).toEqual(["stop/m1"]);
  });

  /** Hot, and passed by the last reading: the rules have not been told of that. */
  async function passedUnjudged() {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.agent.start();
    await send(one, 15, [3]);
    await one.time.run(100);
    void one.temperature(20);
    await one.time.run(20);
    const store = one.store as MemoryStore;
    const restarted = () =>
      bench({ pipeline: WINDOW_RULE, store: store.crash(), startMs: one.time.nowMs + 500 }).then((again) => {
        again.agent.start();
        return again;
      });
    return { ...one, restarted };
  }

  it("one that was passed and not judged when the process died is judged by the next, as history", async () => {
    const before = await passedUnjudged();
    expect(before.agent.status().alarms).toEqual([]);
    const { agent, commands, time, store } = await before.restarted();
    const alarm = { rule: "hot_window", value: 90, timeMs: START_MS + 10_000, isHistorical: true };
    expect(agent.status().alarms).toMatchObject([alarm]);
    await time.run(100);
    // It is in the store: the one after that tells nothing anew.
    const after = (bytes: Store, startMs: number) =>
      bench({ pipeline: WINDOW_RULE, store: (bytes as MemoryStore).crash(), startMs });
    const third = await after(store, time.nowMs);
    expect(third.agent.status().alarms).toEqual(agent.status().alarms);
    third.agent.start();
    await send(third, 11, [16]);
    expect([commands, third.commands]).toEqual([[], [{ topic: "stop/m1", payload: expect.any(String) }]]);
    const fourth = await after(third.store, third.time.nowMs);
    expect(fourth.agent.status().rules).toMatchObject({ late: 0 });
  });

  it("that is new at a start judges none that was passed before", async () => {
    const first = await bench({ pipeline: WINDOW_RULE });
    first.agent.start();
    await send(first, 24, [3, 12]);
    const store = (first.store as MemoryStore).crash();
    const pipeline = WINDOW_RULE.replace("hot_window:", "warm_window:");
    const { agent } = await bench({ pipeline, store, startMs: first.time.nowMs });
    expect(agent.status().alarms).toEqual([]);
  });

  it("one that was passed is judged at an orderly stop, and acts", async () => {
    const { agent, central, time, commands, restarted } = await passedUnjudged();
    central.isReachable = false;
    central.hangUp();
    await time.during(agent.stop(0));
    expect(commands.map(({ topic }) => topic)).toEqual(["stop/m1"]);
    const again = await restarted();
    await again.time.run(1_000);
    expect(again.agent.status().alarms).toEqual(agent.status().alarms);
    expect(again.commands).toEqual([]);
  });

  it("what comes of a backlog makes historical alarms", async () => {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.agent.start();
    for (let at = 0; at < 20; at += 1) void one.temperature(90, START_MS - 60_000 + at * 1000);
    await one.time.run(40_000);
    expect(one.commands).toEqual([]);
  });
});
