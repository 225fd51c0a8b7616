// Clocks that are wrong, central's or an agent's: nothing is made final or refused by one alone, and an alarm says so.
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import {
  agentOf,
  ALL,
  countsByStart,
  DAY_MS,
  start,
  START_MS,
  welcomed,
} from "./central-world.test-support.ts";
import type { World } from "./central-world.test-support.ts";
import type { Central } from "./central.ts";
import { FUTURE_MS_MAX } from "./commit/message-applier.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { ScriptedAgent } from "./scripted-agent.test-support.ts";
import { WINDOW } from "./seconds.test-support.ts";

/** A central whose wall clock jumps with `wall.offsetMs`. */
async function startJumping(
  wall: { offsetMs: number },
  store = new CrashingStore(),
  time = new SimulatedTime(START_MS),
): Promise<World> {
  return start(store, { time, clock: time.clock({ offsetMs: () => wall.offsetMs }) });
}

async function statesOf(central: Central): Promise<string[]> {
  return (await central.windows(ALL)).windows.map(({ state }) => state);
}

function clockAlarms(central: Central): [agent: string, value: number][] {
  return central
    .alarms()
    .filter(({ rule, isActive }) => rule === "clock_disagrees" && isActive)
    .map(({ agent, value }) => [agent, value]);
}

test("central's clock days ahead makes nothing final and refuses nothing, over a restart too, and is alarmed", async () => {
  const wall = { offsetMs: 0 };
  const world = await startJumping(wall);
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  await world.time.run(11_000);
  wall.offsetMs = 30 * DAY_MS;
  agent.beat();
  agent.panes(2, START_MS);
  await world.time.run(61_000);
  expect(await statesOf(world.central)).toEqual(["provisional"]);
  expect(clockAlarms(world.central)).toEqual([["", 30 * DAY_MS]]);
  expect(world.central.alarms().find(({ agent: name }) => name === "")?.message).toContain("2592000 s ahead");
  await world.central.close();
  const again = await startJumping(wall, world.store, world.time);
  await again.time.run(61_000);
  const back = agentOf(again);
  back.hello({ epoch: 1, lanes: { live: { sent: 2, next: 4, epochs: [{ epoch: 1, from: 1 }] } } });
  await again.time.run(10);
  back.panes(3, START_MS);
  await again.time.run(1_000);
  expect(await countsByStart(again.central)).toEqual({ 0: 3 });
  expect(again.central.ledger().get("alpha-1")).toMatchObject({ merged: 3, tooLate: 0 });
  wall.offsetMs = 0;
  await again.time.run(1_000);
  expect(clockAlarms(again.central)).toEqual([]);
  await again.time.run(WINDOW.latenessMs);
  expect(await statesOf(again.central)).toEqual(["final"]);
});

test("panes that central's clock alone finds too far ahead are taken: it may be the one that is wrong", async () => {
  const wall = { offsetMs: -30 * DAY_MS };
  const world = await startJumping(wall);
  const agent = agentOf(world);
  agent.hello();
  await world.time.run(10);
  agent.panes(1, START_MS);
  agent.panes(2, START_MS + 2 * FUTURE_MS_MAX);
  await world.time.run(1_000);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ merged: 1, future: 1 });
});

test.each(["set right before the start", "still wrong"])(
  "agents enrolled by a clock that was ahead are expected once an agent tells the time: central's clock is %s",
  async (fate) => {
    const wall = { offsetMs: 30 * DAY_MS };
    const world = await startJumping(wall);
    await world.time.run(1_000);
    await world.central.close();
    if (fate !== "still wrong") wall.offsetMs = 0;
    const again = await startJumping(wall, world.store, world.time);
    await again.time.run(5_000);
    const agent = await welcomed(again);
    const timeMs = START_MS + 3_000;
    agent.panes(1, timeMs, { frontier: { number: 1, watermarkMs: timeMs + 10_000 } });
    await again.time.run(15_000);
    const { windows } = await again.central.windows(ALL);
    expect(windows.map(({ state, completeness }) => [state, completeness.agentsExpected])).toEqual([
      ["complete", 1],
    ]);
    const last = await start(again.store, { time: again.time });
    const other = await welcomed(last, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
    other.panes(1, timeMs);
    await last.time.run(5_000);
    const beta = (await last.central.windows({ ...ALL, group: { site: "beta" } })).windows;
    expect(beta.map(({ completeness }) => completeness.agentsMissing)).toEqual([["beta-1"]]);
  },
);

test("after a long time without central, windows become final once the first agent has confirmed the time", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  await world.time.run(11_000);
  await world.central.close();
  await world.time.run(2 * DAY_MS);
  const again = await start(world.store, { time: world.time });
  await again.time.run(2_000);
  expect(await statesOf(again.central)).toEqual(["provisional"]);
  expect(clockAlarms(again.central)).toEqual([]);
  await welcomed(again);
  await again.time.run(1_000);
  expect(await statesOf(again.central)).toEqual(["final"]);
  await again.time.run(61_000);
  expect(await statesOf(again.central)).toEqual([]);
});

test("an agent whose clock disagrees is alarmed until it agrees, and makes nothing final", async () => {
  const world = await start();
  const wall = { offsetMs: 0 };
  const agent = new ScriptedAgent(world.central, () => Math.floor(world.time.nowMs) + wall.offsetMs);
  agent.hello();
  await world.time.run(10);
  agent.panes(1, START_MS);
  const beatAt = async (offsetMs: number) => {
    wall.offsetMs = offsetMs;
    agent.beat();
    await world.time.run(300);
    return clockAlarms(world.central).map(([name]) => name);
  };
  expect(await beatAt(59_000)).toEqual([]);
  expect(await beatAt(DAY_MS)).toEqual(["alpha-1"]);
  expect(await statesOf(world.central)).toEqual(["provisional"]);
  expect(await beatAt(40_000)).toEqual(["alpha-1"]);
  expect(await beatAt(29_000)).toEqual([]);
  // Alone and behind, it may be central's that is wrong.
  expect(await beatAt(-DAY_MS)).toEqual([""]);
  const other = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  other.beat();
  await world.time.run(300);
  expect(clockAlarms(world.central).map(([name]) => name)).toEqual(["alpha-1"]);
});
