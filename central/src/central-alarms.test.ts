// Agents' alarms: each at its greatest step, once it is durable.
import { expect, test } from "vitest";
import type { AlarmView } from "./alarms/alarm-view.ts";
import { freezable, start, START_MS, welcomed } from "./central-world.test-support.ts";
import { AlarmStream } from "./sinks/alarm-stream.ts";
import { hotAlarm } from "./alarms/hot-alarm.test-support.ts";

const HOT = hotAlarm(START_MS, { step: 2 });

test("an alarm that is committed after one that arrived later is not taken for said: its time is its commit's", async () => {
  const { time, clock, freeze, thaw } = freezable();
  const world = await start(undefined, { time, clock });
  const alpha = await welcomed(world);
  const beta = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  const said: AlarmView[] = [];
  world.central.subscribe(({ alarms }) => said.push(...alarms));
  freeze();
  for (let sequence = 1; sequence <= 150; sequence += 1) alpha.panes(sequence, START_MS);
  alpha.alarms(1, [HOT]);
  await time.run(1_000);
  beta.alarms(1, [{ ...HOT, labels: { site: "beta" } }]);
  thaw();
  await time.run(100);
  expect(said.map(({ agent }) => agent)).toEqual(["beta-1", "alpha-1"]);
  const marks = said.map((alarm) => new AlarmStream(() => said, { isNotified: false }).changedAtMs(alarm));
  expect(marks[1]).toBeGreaterThanOrEqual(marks[0] ?? Number.POSITIVE_INFINITY);
});

test("alarms are kept at their greatest step, over a restart too", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.alarms(1, [HOT]);
  agent.alarms(2, [{ ...HOT, step: 1, isActive: false }]);
  await world.time.run(10);
  expect(agent.acks.alarm).toBe(2);
  await world.central.close();
  const { central } = await start(world.store, { time: world.time });
  expect(central.alarms()).toEqual([
    {
      ...HOT,
      agent: "alpha-1",
      site: "alpha",
      receivedAtMs: START_MS + 10,
      firstReceivedAtMs: START_MS + 10,
    },
  ]);
});

test("an alarm is shown once it is durable, and not before", async () => {
  const world = await start();
  const agent = await welcomed(world);
  world.store.fate = () => "crash_before";
  agent.alarms(1, [HOT]);
  await world.time.run(1_000);
  expect(world.central.alarms()).toEqual([]);
  const other = await start();
  (await welcomed(other)).alarms(1, [HOT]);
  await other.time.run(10);
  expect(other.central.alarms()).toMatchObject([{ rule: "overheating" }]);
});
