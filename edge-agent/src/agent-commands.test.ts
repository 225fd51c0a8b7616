// A crossing becomes a command, once, before anything is durable; what a crash leaves of it goes on.
import { MemoryStore } from "@millrace/queue";
import { describe, expect, it } from "vitest";
import { numberKey, PREFIX, prefixRange } from "./durability/agent-store.ts";
import { PIPELINE, START_MS, bench } from "./agent-bench.test-support.ts";

describe("a crossing", () => {
  it("commands the stop before anything is durable, once, with the uplink down", async () => {
    const { agent, central, commands, temperature } = await bench();
    central.isReachable = false;
    agent.start();
    void temperature(90);
    expect(commands).toHaveLength(1);
    expect(commands[0]?.topic).toBe("factory/alpha/m1/command");
    const command: Record<string, unknown> = JSON.parse(commands[0]?.payload ?? "");
    expect(command).toMatchObject({ command: "STOP", rule: "overheating" });
    expect(command["validUntil"]).toBeGreaterThan(START_MS);
    void temperature(91, START_MS + 1);
    expect(commands).toHaveLength(1);
  });

  it("of a retained or stale reading is historical: no command", async () => {
    const { agent, commands, temperature } = await bench();
    agent.start();
    void temperature(90, START_MS, true);
    void temperature(91, START_MS - 6_000);
    expect(commands).toEqual([]);
    expect(agent.status().alarms).toMatchObject([{ isHistorical: true }]);
  });

  it("that has waited at a broker without a time of its own is historical, and an answer that has waited confirms nothing", async () => {
    const pipeline = `${PIPELINE}
  flooding:
    metric: level
    when: { above: 5 }
    severity: 900
    action:
      publish: "factory/{site}/{machine}/command"
      payload: CLOSE
      armed: true
      confirm: { topic: "factory/{site}/{machine}/state", equals: closed, within: 2s }
`;
    const { agent, time, commands } = await bench({ pipeline });
    agent.start();
    const come = (topic: string, payload: string, mayBeOld: boolean) =>
      void agent.receive({
        topic: `factory/alpha/m1/${topic}`,
        payload: new TextEncoder().encode(payload),
        isRetained: false,
        mayBeOld,
        isOversized: false,
        qos: 1,
        client: "mqtt",
        arrivedMonotonicMs: time.nowMs,
      });
    come("level", "9", true);
    expect(commands).toEqual([]);
    expect(agent.status().alarms).toMatchObject([{ rule: "flooding", isHistorical: true }]);
    come("level", "9", false);
    expect(commands).toHaveLength(1);
    come("state", "closed", true);
    expect(agent.status().alarms).toMatchObject([{ action: "commanded" }]);
    come("state", "closed", false);
    expect(agent.status().alarms).toMatchObject([{ action: "confirmed" }]);
    // Its own time tells.
    come("temperature", JSON.stringify({ t: 90, ts: time.nowMs }), true);
    expect(commands).toHaveLength(2);
  });

  it("is confirmed by an answer with the retain flag where it comes from the machine, not from a broker's store", async () => {
    const pipeline = PIPELINE.replace(
      "armed: true",
      'armed: true, confirm: { topic: "factory/{site}/{machine}/state", equals: stopped, within: 2s }',
    );
    const { agent, temperature, answer } = await bench({ pipeline });
    agent.start();
    void temperature(90);
    answer("stopped", { isFresh: false });
    expect(agent.status().alarms).toMatchObject([{ action: "commanded" }]);
    answer("stopped", { isFresh: true });
    expect(agent.status().alarms).toMatchObject([{ action: "confirmed" }]);
  });

  it("is not commanded again by the replay after a crash", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.agent.start();
    void first.temperature(90);
    await first.time.run(1_000);
    const second = await bench({ store: store.crash(), startMs: START_MS + 1_000 });
    second.agent.start();
    await second.time.run(1_000);
    expect(second.commands).toEqual([]);
    expect(second.agent.status().alarms).toHaveLength(1);
  });
});

describe("a command that has gone out", () => {
  it("counts the latency of a command once, whatever happens to its alarm", async () => {
    const { agent, time, commands, temperature } = await bench();
    agent.start();
    await time.run(500);
    void temperature(90);
    await time.run(500);
    void temperature(60);
    agent.maintenance.begin({ machine: "m1" }, 60_000, "anna");
    agent.maintenance.end({ machine: "m1" }, "anna");
    agent.resetAlarms("all", "anna");
    await time.run(500);
    expect(commands).toHaveLength(1);
    expect(agent.status().actionLatency).toMatchObject({ count: 1, max: 0 });
  });
});

describe("a stop command that waits for the machine's answer", () => {
  it.each([
    ["an hour ahead", 3_600_000],
    ["an hour back", -3_600_000],
  ])("is repeated as often as configured, though the clock is set %s meanwhile", async (_, offsetMs) => {
    const confirm = '{ topic: "factory/{site}/{machine}/state", equals: stopped, within: 2s }, retry: 2';
    const pipeline = PIPELINE.replace("armed: true }", `armed: true, confirm: ${confirm} }`);
    const { agent, time, wall, commands, temperature } = await bench({ pipeline });
    agent.start();
    await time.run(2_000);
    void temperature(90);
    await time.run(500);
    wall.offsetMs = offsetMs;
    await time.run(5_000);
    expect(commands).toHaveLength(3);
    await time.run(10_000);
    expect(commands).toHaveLength(3);
    expect(agent.status().alarms).toMatchObject([{ action: "unconfirmed" }]);
  });
});

describe("an alarm that began historical", () => {
  it("that a replay has raised is recorded once it acts, also where it stands since before the start", async () => {
    const recorder = { bytesMax: 100_000, beforeMs: 2_000, afterMs: 1_000, by: ["machine"] };
    const first = await bench({ recorder });
    first.agent.start();
    void first.temperature(95, START_MS, true);
    await first.time.run(6_000);
    expect(first.agent.status().alarms).toMatchObject([{ isHistorical: true }]);
    const store = first.store instanceof MemoryStore ? first.store.crash() : first.store;
    const second = await bench({ recorder, store, startMs: first.time.nowMs });
    for (const line of [first, second]) {
      line.agent.start();
      void line.temperature(96);
      await line.time.run(5_000);
      expect(line.commands).toHaveLength(1);
      expect(line.agent.status().recorder).toMatchObject({ recorded: 1 });
    }
  });
});

describe("what a step of an alarm leaves in the store", () => {
  const confirmed = PIPELINE.replace(
    "armed: true",
    'armed: true, confirm: { topic: "factory/{site}/{machine}/state", equals: stopped, within: 2s }, retry: 3',
  );
  const journal = async (store: MemoryStore) => {
    const steps: unknown[] = [];
    for await (const { value } of store.range(prefixRange(PREFIX.rulesJournal)))
      steps.push(JSON.parse(new TextDecoder().decode(value)));
    return steps;
  };
  /** Two machines are known, and the rules' state is checkpointed; then one of them crosses. */
  const crossed = async (pipeline = confirmed) => {
    const first = await bench({ pipeline });
    first.agent.start();
    const other = (t: number) =>
      first.publish("factory/alpha/m2/temperature", JSON.stringify({ t, ts: first.time.nowMs }));
    void first.temperature(70);
    void other(70);
    await first.time.run(6_000);
    void other(71);
    await first.time.run(1_500);
    void first.temperature(90);
    await first.time.run(100);
    const store = first.store as MemoryStore;
    const crash = (afterMs = 0) =>
      bench({ pipeline, store: store.crash(), startMs: first.time.nowMs + afterMs }).then((again) => {
        again.agent.start();
        return again;
      });
    return { ...first, other, store, crash };
  };

  it("is the state of its series, and after a crash the alarm is what it was, with its command, step and retries", async () => {
    const before = await crossed();
    expect(await journal(before.store)).toMatchObject([
      { series: [{ rule: "overheating", labels: { machine: "m1" }, alarm: { event: { step: 1 } } }] },
    ]);
    expect(before.commands).toHaveLength(1);
    const { commands, agent, time, answer, temperature, store } = await before.crash();
    expect(agent.status().alarms).toEqual(before.agent.status().alarms);
    void temperature(91);
    await time.run(1_000);
    expect(commands).toEqual([]);
    expect(await journal(store as MemoryStore)).toEqual([]);
    await time.run(1_000);
    expect(commands).toHaveLength(1);
    const id = (payload = "") => JSON.parse(payload).id;
    expect(id(commands[0]?.payload)).toBe(id(before.commands[0]?.payload));
    answer("stopped", { isFresh: true });
    expect(agent.status().alarms).toMatchObject([{ action: "confirmed", step: 3 }]);
  });

  it("also where the alarm is over again: it does not come back, and the next one has another id", async () => {
    const before = await crossed(PIPELINE.replace("armed: true", "armed: true, latch: false"));
    const [{ id }] = before.agent.status().alarms;
    void before.temperature(70);
    await before.time.run(100);
    expect(await journal(before.store)).toHaveLength(2);
    const again = await before.crash();
    await again.time.run(1_000);
    // Its readings are not judged again: nothing new is told of it.
    expect(again.agent.status().lanes["alarm"].next).toBe(before.agent.status().lanes["alarm"].next);
    expect(again.agent.status().alarms).toEqual([]);
    void again.temperature(90);
    await again.time.run(100);
    expect(again.commands).toHaveLength(1);
    expect(again.agent.status().alarms[0]?.id).not.toBe(id);
  });

  it("goes with the next checkpoint, which holds it too", async () => {
    const before = await crossed();
    before.answer("stopped", { isFresh: true });
    void before.other(72);
    await before.time.run(6_000);
    expect(await journal(before.store)).toEqual([]);
    const again = await before.crash();
    expect(again.agent.status().alarms).toEqual(before.agent.status().alarms);
    await again.time.run(1_000);
    expect(await journal(again.store as MemoryStore)).toEqual([]);
  });

  it("leaves readings of other series to the replay: what they began goes on", async () => {
    const delayed = PIPELINE.replace("clearBelow: 75", "clearBelow: 75, forAtLeast: 2s");
    const before = await crossed(delayed);
    void before.other(90);
    await before.time.run(1_900);
    // The step of the other machine, which has crossed for longer by now, carries nothing of this one.
    void before.temperature(90);
    await before.time.run(100);
    expect(before.agent.status().alarms).toMatchObject([{ labels: { machine: "m1" } }]);
    const again = await before.crash();
    void again.publish("factory/alpha/m2/temperature", JSON.stringify({ t: 90, ts: again.time.nowMs }));
    expect(again.commands.map(({ topic }) => topic)).toEqual(["factory/alpha/m2/command"]);
  });

  it("that is damaged is left out: the alarm is raised anew by its reading, as history, and acts on the next", async () => {
    const before = await crossed();
    before.store.damage(numberKey(PREFIX.rulesJournal, 1), () => new Uint8Array(3));
    const again = await before.crash();
    expect(again.agent.status().alarms).toMatchObject([{ isHistorical: true, action: "none" }]);
    void again.temperature(91);
    expect(again.commands).toHaveLength(1);
  });
});
