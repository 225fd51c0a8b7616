// Which agents are expected, heard, silent or retired, and what is told of them.
import type { WindowSpec } from "@millrace/stream";
import { expect, test } from "vitest";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { CENTRAL_KEYS } from "./store/central-keys.ts";
import { activeAlarms, ALL, freezable, start, START_MS, welcomed } from "./central-world.test-support.ts";
import { METRIC, WINDOW } from "./seconds.test-support.ts";

test("a window of before the enrolment is complete once the agent that it came from has passed", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS - 10_000);
  await world.time.run(5_000);
  const states = async () => {
    const { windows } = await world.central.windows({ ...ALL, group: { site: "alpha" } });
    return windows.map(({ state, completeness }) => [state, completeness.agentsMissing]);
  };
  expect(await states()).toEqual([["provisional", ["alpha-1"]]]);
  agent.beat({ number: 2, watermarkMs: START_MS });
  await world.time.run(5_000);
  expect(await states()).toEqual([["complete", []]]);
});

test("other windows wait for a backlog of before the enrolment before anything of it has come", async () => {
  const window: WindowSpec = { ...WINDOW, by: [] };
  const world = await start(undefined, { pipeline: { metrics: [METRIC], windows: [window] } });
  const alpha = await welcomed(world);
  const beta = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  const backlogMs = START_MS - 60_000;
  alpha.beat({ watermarkMs: START_MS, pending: [{ startMs: backlogMs, endMs: backlogMs + 20_000 }] });
  beta.panes(1, backlogMs + 1_000, { frontier: { watermarkMs: START_MS } });
  await world.time.run(5_000);
  const { windows } = await world.central.windows(ALL);
  expect(windows.map(({ state, completeness }) => [state, completeness.agentsMissing])).toEqual([
    ["provisional", ["alpha-1"]],
  ]);
});

test("windows are complete once every expected agent has passed; a retired site is not waited for", async () => {
  const world = await start(undefined, { pipeline: { metrics: [METRIC], windows: [{ ...WINDOW, by: [] }] } });
  const alpha = await welcomed(world);
  await world.time.run(2_000);
  const timeMs = START_MS + 500;
  alpha.panes(1, timeMs, { frontier: { number: 1, watermarkMs: START_MS + 1_500 } });
  await world.time.run(300);
  const state = async () =>
    (await world.central.windows(ALL)).windows.map((window) => [
      window.state,
      window.completeness.sitesMissing,
    ]);
  expect(await state()).toEqual([["provisional", ["beta"]]]);
  const count = world.central.retire({ site: "beta" });
  await world.time.run(10);
  expect(await count).toBe(1);
  expect(world.central.agents()[1]).toMatchObject({ agent: "beta-1", state: "retired" });
  alpha.panes(2, START_MS + 3_000, { frontier: { number: 2, watermarkMs: START_MS + 6_000 } });
  await world.time.run(4_000);
  expect((await state()).at(-1)).toEqual(["complete", []]);
  const again = await start(world.store, { time: world.time });
  expect(again.central.agents()[1]).toMatchObject({ state: "retired" });
});

test("one agent of two at a site is retired: the other one alone completes its windows, and central's alarm of it ends", async () => {
  const agents = [
    { id: "alpha-1", site: "alpha" },
    { id: "alpha-2", site: "alpha" },
  ];
  const world = await start(undefined, { agents, pipeline: { metrics: [METRIC], windows: [WINDOW] } });
  const alpha = await welcomed(world);
  await world.time.run(2_000);
  alpha.panes(1, START_MS + 500, { frontier: { number: 1, watermarkMs: START_MS + 1_500 } });
  await world.time.run(12_000);
  const latest = async () => (await world.central.windows(ALL)).windows.at(-1);
  expect(await latest()).toMatchObject({
    state: "provisional",
    completeness: { agentsExpected: 2, agentsMissing: ["alpha-2"] },
  });
  const silent = () =>
    world.central.alarms().find(({ agent, rule }) => agent === "alpha-2" && rule === "agent_silent");
  expect(silent()).toMatchObject({ isActive: true });
  const count = world.central.retire({ agent: "alpha-2" });
  await world.time.run(10);
  expect(await count).toBe(1);
  expect(world.central.agents()[1]).toMatchObject({ agent: "alpha-2", state: "retired" });
  expect(silent()).toMatchObject({ isActive: false });
  const timeMs = START_MS + 15_000;
  alpha.panes(2, timeMs, { frontier: { number: 2, watermarkMs: timeMs + 5_000 } });
  await world.time.run(5_000);
  expect(await latest()).toMatchObject({ state: "complete", completeness: { agentsExpected: 1 } });
  const again = world.central.retire({ agent: "alpha-2" });
  await world.time.run(10);
  expect(await again).toBe(0);
});

test("an agent of a retired site that goes on is cut off, and expected again once it connects", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const count = world.central.retire({ site: "alpha" });
  await world.time.run(10);
  expect(await count).toBe(1);
  expect(agent.closedReason).toContain("retired");
  agent.panes(1, START_MS);
  agent.hangUp();
  await world.time.run(1_000);
  expect(world.central.agents()[0]).toMatchObject({ state: "retired" });
  expect(world.central.ledger().get("alpha-1")?.received ?? 0).toBe(0);
  const again = await welcomed(world);
  const timeMs = START_MS + 3_000;
  again.panes(1, timeMs, { frontier: { number: 1, watermarkMs: timeMs } });
  await world.time.run(500);
  expect(world.central.agents()[0]).toMatchObject({ state: "connected" });
  await world.time.run(5_000);
  const { windows } = await world.central.windows(ALL);
  expect(windows.map(({ completeness }) => completeness.agentsMissing)).toEqual([["alpha-1"]]);
});

test("a silent agent is shown and alarmed, and cleared when it is heard", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const active = () => world.central.alarms().filter(({ isActive }) => isActive);
  await world.time.run(2_000);
  agent.beat();
  await world.time.run(4_000);
  expect(world.central.agents()[0]).toMatchObject({ state: "silent", status: { link: "up" } });
  expect(active()).toMatchObject([{ agent: "alpha-1", rule: "agent_silent" }]);
  agent.beat();
  await world.time.run(300);
  expect(world.central.agents()[0]).toMatchObject({ state: "connected" });
  expect(active()).toEqual([]);
  await world.time.run(31_000);
  expect(agent.closedReason).toBe("nothing was heard from it");
});

test("an agent that has not connected since central started is alarmed after ten seconds", async () => {
  const world = await start();
  await world.time.run(9_500);
  expect(world.central.alarms()).toEqual([]);
  await world.time.run(1_500);
  expect(world.central.agents().map(({ agent, state }) => [agent, state])).toEqual([
    ["alpha-1", "never_seen"],
    ["beta-1", "never_seen"],
  ]);
  expect(world.central.alarms()).toMatchObject([
    { agent: "alpha-1", rule: "agent_silent", isActive: true },
    { agent: "beta-1", rule: "agent_silent", isActive: true },
  ]);
});

test("agents are not silent because central itself was stopped; after its waking they have time to come", async () => {
  const { time, clock, freeze, thaw } = freezable();
  const world = await start(undefined, { time, clock });
  const alpha = await welcomed(world);
  const beta = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  await time.run(500);
  freeze();
  await time.run(60_000);
  thaw();
  await time.run(600);
  expect(world.central.alarms()).toEqual([]);
  expect([alpha.closedReason, beta.closedReason]).toEqual([null, null]);
  await time.run(8_000);
  alpha.beat();
  await time.run(3_000);
  expect(world.central.alarms()).toMatchObject([{ agent: "beta-1", rule: "agent_silent" }]);
  await time.run(20_000);
  expect(beta.closedReason).toBe("nothing was heard from it");
});

test("a low disk of an agent is an alarm until there is room again", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const lowAlarms = () => activeAlarms(world.central).filter((rule) => rule === "disk_low").length;
  const steps = [
    [{ diskFreeBytes: -1 }, 0],
    [{ diskFreeBytes: 5_000_000 }, 1],
    [{ diskFreeBytes: 4_000_000 }, 1],
    [{ diskFreeBytes: -1 }, 0],
    [{}, 0],
  ] as const;
  for (const [at, [status, count]] of steps.entries()) {
    agent.beat({ number: at + 2 }, [], status);
    await world.time.run(500);
    expect([at, lowAlarms()]).toEqual([at, count]);
  }
});

test("a status stands until another one comes, be it told in the same turn as a heartbeat without one", async () => {
  const world = await start();
  const agent = await welcomed(world);
  expect(agent.welcome).toMatchObject({ keepsStatus: true });
  const lowAlarms = () => activeAlarms(world.central).filter((rule) => rule === "disk_low").length;
  agent.beat({ number: 2 }, [], { diskFreeBytes: 5_000_000 });
  agent.beat({ number: 3 }, [], null);
  await world.time.run(500);
  expect([lowAlarms(), world.central.agents()[0]?.status]).toMatchObject([1, { diskFreeBytes: 5_000_000 }]);
  agent.beat({ number: 4 }, [], null);
  await world.time.run(500);
  expect([lowAlarms(), world.central.agents()[0]?.status]).toMatchObject([1, { diskFreeBytes: 5_000_000 }]);
  agent.beat({ number: 5 }, [], { diskFreeBytes: -1 });
  await world.time.run(500);
  expect([lowAlarms(), world.central.agents()[0]?.status]).toMatchObject([0, { diskFreeBytes: -1 }]);
});

test("who belonged to a store of format 2 belongs as long as it said, at each start", async () => {
  const store = new CrashingStore();
  const joinedMs = START_MS - 60_000;
  const list = [
    { agent: "alpha-1", site: "alpha", joinedMs, leftMs: null },
    { agent: "beta-1", site: "beta", joinedMs: joinedMs - 60_000, leftMs: START_MS - 30_000 },
  ];
  const key = CENTRAL_KEYS.memberList();
  await store.commit([{ type: "put", key, value: Buffer.from(JSON.stringify(list)) }], { isSync: true });
  const pipeline = { metrics: [METRIC], windows: [{ ...WINDOW, by: [] }] };
  let world = await start(store, { pipeline });
  const agent = await welcomed(world);
  agent.panes(1, START_MS - 40_000);
  agent.panes(2, START_MS - 20_000);
  await world.time.run(5_000);
  const missing = async () =>
    (await world.central.windows(ALL)).windows.map(({ completeness }) => completeness.agentsMissing);
  expect(await missing()).toEqual([["alpha-1", "beta-1"], ["alpha-1"]]);
  expect(await store.get(key)).toBeUndefined();
  world = await start(store, { time: world.time, pipeline });
  const again = await welcomed(world);
  again.panes(3, START_MS - 50_000);
  await world.time.run(5_000);
  expect(await missing()).toEqual([["alpha-1", "beta-1"], ["alpha-1", "beta-1"], ["alpha-1"]]);
});
