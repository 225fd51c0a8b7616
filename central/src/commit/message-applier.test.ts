// What a hello or a batch does beside its readings, seen from outside: alarms of a lost store, readings that came too late.
import { silentLogger } from "@millrace/runtime";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { Central } from "../central.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { ScriptedAgent } from "../scripted-agent.test-support.ts";
import { hotAlarm } from "../alarms/hot-alarm.test-support.ts";
import { METRIC } from "../seconds.test-support.ts";

const START_MS = 1_700_000_000_000;
const LATENESS_MS = 60_000;

async function start(): Promise<{ time: SimulatedTime; central: Central }> {
  const time = new SimulatedTime(START_MS);
  const window = {
    name: "t_1s",
    metric: "t",
    kind: "aligned" as const,
    sizeMs: 1_000,
    slideMs: 1_000,
    offsetMs: 0,
    by: ["site"],
  };
  const central = new Central({
    agents: [{ id: "alpha-1", site: "alpha" }],
    pipeline: {
      metrics: ["t", "u"].map((name) => ({ ...METRIC, name })),
      windows: [
        { ...window, latenessMs: LATENESS_MS },
        { ...window, name: "u_1s", metric: "u", latenessMs: 10 * LATENESS_MS },
      ],
    },
    graceMs: 2_000,
    retainMs: 86_400_000,
    evidence: { bytesMax: 2 ** 30, retainMs: 86_400_000, unfinishedMs: 86_400_000 },
    silentAfterMs: 3_000,
    store: new CrashingStore(),
    clock: time.clock(),
    random: new SeededRandom(1),
    log: silentLogger,
    compression: { compress: (bytes) => bytes, decompress: (bytes) => bytes },
  });
  await central.open();
  return { time, central };
}

const HOT = hotAlarm(START_MS, { step: 5 });

test("an alarm that is active when the agent's store is replaced does not stay active for ever", async () => {
  const { time, central } = await start();
  const before = new ScriptedAgent(central, () => time.nowMs);
  before.hello();
  await time.run(10);
  before.alarms(1, [HOT]);
  await time.run(10);
  before.hangUp();
  const after = new ScriptedAgent(central, () => time.nowMs, { storeId: "b".repeat(32) });
  after.hello();
  await time.run(10);
  const hot = () => central.alarms().filter((alarm) => alarm.rule === "overheating");
  expect(hot()).toMatchObject([{ isActive: false, step: 6 }]);
  after.alarms(1, [{ ...HOT, step: 1 }]);
  await time.run(10);
  expect(hot()).toMatchObject([{ isActive: true, step: 7 }]);
});

test("readings that come after the lateness are kept aside in short, and counted", async () => {
  const { time, central } = await start();
  const agent = new ScriptedAgent(central, () => time.nowMs);
  agent.hello();
  await time.run(10);
  agent.panes(1, START_MS);
  agent.panes(2, START_MS - 2 * LATENESS_MS);
  await time.run(10);
  const entries = await central.quarantine(100);
  expect(entries).toMatchObject([{ agent: "alpha-1", topic: "batch", reason: "too_late" }]);
  expect(entries[0]?.detail).toBe(
    `1 readings of metric t, from the pane at ${START_MS - 2 * LATENESS_MS} (2023-11-14T22:11:20.000Z) on, came after the lateness of every window`,
  );
  for (let sequence = 3; sequence <= 52; sequence++) agent.panes(sequence, START_MS - 2 * LATENESS_MS);
  await time.run(10);
  expect(await central.quarantine(100)).toHaveLength(51);
  expect(central.alarms()).toEqual([]);
  expect(central.ledger().get("alpha-1")).toMatchObject({ received: 52, merged: 1, tooLate: 51 });
});

test("an agent all of whose readings are too late, as where old data is played again, is alarmed until that stops", async () => {
  const { time, central } = await start();
  const agent = new ScriptedAgent(central, () => time.nowMs);
  agent.hello();
  await time.run(10);
  const told = () => central.alarms().filter(({ rule }) => rule === "data_loss");
  for (let sequence = 1; sequence <= 100; sequence++) agent.panes(sequence, START_MS - 2 * LATENESS_MS);
  await time.run(10);
  expect(told()).toMatchObject([{ agent: "alpha-1", isActive: true, value: 100 }]);
  expect(told()[0].message).toContain("lengthen late.allowed");
  await time.run(601_000);
  const over = told();
  expect(over).toMatchObject([{ isActive: false }]);
  // What it was is not forgotten with it.
  expect(over[0].message).toMatch(/lengthen late\.allowed.*; it has not happened again$/);
});

test("a metric of which all is too late is counted and alarmed once, though the agent's others are in windows", async () => {
  const { time, central } = await start();
  const agent = new ScriptedAgent(central, () => time.nowMs);
  agent.hello();
  await time.run(10);
  const late = START_MS - 2 * LATENESS_MS;
  for (let sequence = 1; sequence <= 300; sequence++)
    agent.panes(sequence, late, { metric: sequence % 2 === 0 ? "t" : "u" });
  await time.run(10);
  const told = () => central.alarms().filter(({ rule }) => rule === "data_loss");
  expect(told()).toMatchObject([{ agent: "alpha-1", metric: "t", isActive: true, value: 100, step: 1 }]);
  expect(told()[0].message).toMatch(/^all that comes of metric t of alpha-1 is too late/);
  expect(central.ledger().get("alpha-1")).toMatchObject({
    received: 300,
    merged: 150,
    tooLate: 150,
    tooLateByMetric: { t: 150 },
  });
});
