// Maintenance, series that fall silent, and rules that time moves.
import { loadPipeline } from "@millrace/config";
import { MemoryStore } from "@millrace/queue";
import { describe, expect, it } from "vitest";
import { PREFIX, prefixRange } from "./durability/agent-store.ts";
import { HOUR_MS, RULES, alarmsOf, audits, bench } from "./agent-bench.test-support.ts";

describe("maintenance, and series that fall silent", () => {
  it("by command: of one machine, for a time, over a crash, in the audit trail", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, pipeline: RULES });
    first.agent.start();
    expect(first.agent.maintenance.begin({ machine: "m1" }, HOUR_MS, "status page")).toBe(true);
    await first.time.run(1_000);
    void first.temperature(90);
    await first.time.run(100);
    expect(first.commands).toEqual([]);
    expect(first.agent.status().alarms).toMatchObject([{ isSuppressed: true, action: "none" }]);

    const durable = store.crash();
    const second = await bench({ store: durable, pipeline: RULES, startMs: first.time.nowMs });
    second.agent.start();
    void second.temperature(91);
    void second.publish("factory/alpha/m2/temperature", JSON.stringify({ t: 90, ts: second.time.nowMs }));
    await second.time.run(100);
    expect(second.commands.map(({ topic }) => topic)).toEqual(["factory/alpha/m2/command"]);
    expect(second.agent.status().maintenance).toMatchObject([
      { labels: { machine: "m1" }, by: "status page" },
    ]);
    expect(await audits(durable)).toContainEqual(
      expect.objectContaining({ maintenance: "begun", labels: { machine: "m1" }, by: "status page" }),
    );

    // A reading that still breaks the limit acts once it is over; that of before does not.
    await second.time.run(HOUR_MS);
    expect(second.agent.status().maintenance).toEqual([]);
    expect(second.commands).toHaveLength(1);
    void second.temperature(92);
    await second.time.run(100);
    expect(second.commands.map(({ topic }) => topic)).toEqual([
      "factory/alpha/m2/command",
      "factory/alpha/m1/command",
    ]);
  });

  it("lasts as long over a restart with the clock an hour ahead, and no longer than it was to once central is heard", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, pipeline: RULES });
    first.central.clockMs = () => Math.floor(first.time.nowMs);
    first.agent.start();
    await first.time.run(3_000);
    first.agent.maintenance.begin({ machine: "m1" }, HOUR_MS / 2, "anna");
    const endMs = first.time.nowMs + HOUR_MS / 2;
    await first.time.run(1_000);
    const startMs = first.time.nowMs + 60_000;
    const second = await bench({ store: store.crash(), pipeline: RULES, startMs, offsetMs: HOUR_MS });
    second.central.isReachable = false;
    second.central.clockMs = () => Math.floor(second.time.nowMs);
    second.agent.start();
    await second.time.run(60_000);
    void second.publish(
      "factory/alpha/m1/temperature",
      JSON.stringify({ t: 90, ts: second.time.nowMs + HOUR_MS }),
    );
    expect(second.commands).toEqual([]);
    expect(second.agent.status().maintenance).toHaveLength(1);
    second.wall.offsetMs = 0;
    second.central.isReachable = true;
    await second.time.run(60_000);
    const { clock, maintenance } = second.agent.status();
    expect(clock.isProven).toBe(true);
    expect(maintenance[0].untilMs).toBe(endMs);
  });

  it("a topic that was not believed any more is forgotten with the topic of the pipeline", async () => {
    const { agent, time, publish } = await bench({ pipeline: RULES });
    const receive = (payload: string) => void publish("factory/alpha/m1/maintenance", payload);
    agent.start();
    receive("yes");
    await time.run(HOUR_MS + 1_000);
    receive("yes");
    expect(agent.status().maintenance).toEqual([]);
    const other = RULES.replace("/maintenance", "/service");
    for (const text of [other, RULES])
      await time.during(
        agent.changePipeline(loadPipeline("/pipeline.yaml", { readFile: () => text }).config),
      );
    receive("yes");
    expect(agent.status().maintenance).toHaveLength(1);
  });

  it("is told to central, with or without an alarm, and who began and who ended it", async () => {
    const { agent, time, central, temperature } = await bench({ pipeline: RULES });
    agent.start();
    void temperature(90);
    await time.run(100);
    expect(central.heartbeats.at(-1)?.maintenance).toBeUndefined();
    const sinceMs = time.nowMs;
    agent.maintenance.begin({ machine: "m1" }, HOUR_MS, "anna");
    agent.maintenance.begin({ machine: "m7" }, HOUR_MS, "anna");
    await time.run(1_000);
    expect(central.heartbeats.at(-1)).toMatchObject({
      maintenance: [
        { labels: { machine: "m1" }, sinceMs, untilMs: sinceMs + HOUR_MS, by: "anna" },
        { labels: { machine: "m7" }, sinceMs, untilMs: sinceMs + HOUR_MS, by: "anna" },
      ],
      status: { maintenances: 2 },
    });
    agent.maintenance.end({ machine: "m7" }, "ben");
    expect(alarmsOf(central).at(-1)).toMatchObject({ isSuppressed: true, by: "anna" });
    agent.maintenance.end({ machine: "m1" }, "ben");
    await time.run(1_000);
    expect(alarmsOf(central).at(-1)).toMatchObject({ by: "ben" });
    expect(alarmsOf(central).at(-1)).not.toHaveProperty("isSuppressed");
    void temperature(60);
    await time.run(1_000);
    expect(alarmsOf(central).at(-1)).not.toHaveProperty("by");
  });

  it("ended by hand: what was not begun is not ended", async () => {
    const { agent, time, commands, temperature } = await bench({ pipeline: RULES });
    agent.start();
    agent.maintenance.begin({ machine: "m1" }, HOUR_MS, "a");
    expect(agent.maintenance.end({ machine: "m2" }, "a")).toBe(false);
    expect(agent.maintenance.end({ machine: "m1" }, "a")).toBe(true);
    void temperature(90);
    await time.run(100);
    expect(commands).toHaveLength(1);
    agent.maintenance.begin({}, HOUR_MS, "a");
    expect(agent.maintenance.end("all", "a")).toBe(true);
  });

  it("by a retained topic: until it says otherwise, of the agent's own site only", async () => {
    const { agent, time, commands, publish, temperature } = await bench({ pipeline: RULES });
    agent.start();
    void publish("factory/beta/m1/maintenance", "yes", true);
    expect(agent.status().maintenance).toEqual([]);
    void publish("factory/alpha/m1/maintenance", "yes", true);
    expect(agent.subscriptions().ownFilters).toContain("factory/+/+/maintenance");
    void temperature(90);
    await time.run(100);
    expect(commands).toEqual([]);
    void publish("factory/alpha/m1/maintenance", "no");
    void temperature(91);
    await time.run(100);
    expect(commands).toHaveLength(1);
    expect(agent.status().ledger.rejected.unknown_topic).toBe(0);
  });

  it("a series that falls silent is missed, by time alone, whatever the wall clock does; and not after a restart at once", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, pipeline: RULES });
    first.agent.start();
    void first.temperature(20);
    await first.time.run(15_000);
    first.wall.offsetMs = HOUR_MS;
    await first.time.run(2_000);
    expect(first.agent.status().alarms).toEqual([]);
    first.wall.offsetMs = 0;
    await first.time.run(5_000);
    expect(first.agent.status().alarms).toMatchObject([{ rule: "silent", isHistorical: false, unit: "s" }]);
    void first.temperature(21);
    await first.time.run(5_000);
    expect(first.agent.status().alarms).toEqual([]);

    const second = await bench({
      store: store.crash(),
      pipeline: RULES,
      startMs: first.time.nowMs + HOUR_MS,
    });
    second.agent.start();
    await second.time.run(15_000);
    expect(second.agent.status().alarms).toEqual([]);
    await second.time.run(10_000);
    expect(second.agent.status().alarms).toMatchObject([{ rule: "silent" }]);
  });
});

describe("rules on time, whatever the live interval", () => {
  it("are told of it four times a second: a retry and a silence wait for no pane", async () => {
    const { agent, time, temperature } = await bench({ pipeline: RULES, liveIntervalMs: 60_000 });
    agent.start();
    void temperature(20);
    await time.run(21_000);
    expect(agent.status().alarms).toMatchObject([{ rule: "silent" }]);
  });

  it("a maintenance that ends by itself is in the audit trail; a retired series is forgotten", async () => {
    const { agent, time, store, temperature } = await bench({ pipeline: RULES });
    agent.start();
    agent.maintenance.begin({ machine: "m1" }, 5_000, "a");
    void temperature(20);
    await time.run(25_000);
    const audits: unknown[] = [];
    for await (const { value } of store.range(prefixRange(PREFIX.audit)))
      audits.push(JSON.parse(new TextDecoder().decode(value)));
    expect(audits).toContainEqual(
      expect.objectContaining({ maintenance: "ended", labels: { machine: "m1" }, by: "its time was over" }),
    );
    expect(agent.status().alarms).toHaveLength(1);
    expect(agent.forgetSeries({ machine: "m2" }, "a")).toEqual({ forgottenCount: 0 });
    expect(agent.forgetSeries({ machine: "m1" }, "a")).toEqual({ forgottenCount: 1 });
    expect(agent.status().alarms).toEqual([]);
    await time.run(60_000);
    expect(agent.status().alarms).toEqual([]);
  });
});
