// What an agent gave up, made coarser or lost with its store: the windows of then say so, over kill -9 too.
import { expect, test } from "vitest";
import { agentOf, ALL, standings, start, START_MS, welcomed } from "./central-world.test-support.ts";
import type { Central } from "./central.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { WINDOW } from "./seconds.test-support.ts";

test("panes coarser than their metric's mark the windows that they lie across, over kill -9, complete ones too", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (const [at, second] of [0, 2, 4].entries()) agent.panes(at + 1, START_MS + 1_000 * second);
  agent.beat({ number: 2, watermarkMs: START_MS + 10_000, holds: { alarm: 0, live: 3, backfill: 0 } });
  await world.time.run(15_000);
  // It counts where it begins, and might as well belong to any of the four seconds.
  agent.panes(4, START_MS + 3_000, { paneMs: 4_000 });
  await world.time.run(5_000);
  const coarse = async (central: Central) => {
    const { windows } = await central.windows({ ...ALL, group: { site: "alpha" } });
    return windows.map(({ startMs, values, completeness }) => [
      (startMs - START_MS) / 1_000,
      values["count"],
      completeness.agentsCoarse,
    ]);
  };
  expect(await coarse(world.central)).toEqual([
    [0, 2, ["alpha-1"]],
    [2, 1, undefined],
    [4, 1, undefined],
  ]);
  const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
  const other = agentOf(again);
  other.hello({ epoch: 1, lanes: { live: { sent: 4, next: 5, epochs: [{ epoch: 1, from: 1 }] } } });
  await world.time.run(10);
  other.panes(5, START_MS + 2_500);
  other.panes(6, START_MS + 4_500);
  await world.time.run(5_000);
  expect(await coarse(again.central)).toEqual([
    [0, 2, ["alpha-1"]],
    [2, 2, ["alpha-1"]],
    [4, 2, undefined],
  ]);
});

test("coarse panes older than the enrolment mark their windows, which expect the agent that they came from", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const backlogMs = START_MS - 60_000;
  const pending = [{ startMs: backlogMs, endMs: backlogMs + 20_000 }];
  agent.beat({ watermarkMs: START_MS, pending });
  await world.time.run(100);
  agent.panes(1, backlogMs, { paneMs: 4_000, lane: "backfill" });
  agent.panes(2, backlogMs + 10_000, { lane: "backfill" });
  await world.time.run(5_000);
  const told = async (central: Central) => {
    const { windows } = await central.windows({ ...ALL, group: { site: "alpha" } });
    return windows.map(({ startMs, state, completeness }) => {
      const { agentsExpected, agentsReporting, agentsCoarse } = completeness;
      return [(startMs - backlogMs) / 1_000, state, agentsReporting, agentsExpected, agentsCoarse];
    });
  };
  expect(await told(world.central)).toEqual([
    [0, "provisional", 0, 1, ["alpha-1"]],
    [10, "provisional", 0, 1, undefined],
  ]);
  agent.beat({ number: 2, watermarkMs: START_MS, holds: { alarm: 0, live: 0, backfill: 2 } });
  await world.time.run(5_000);
  const complete = [
    [0, "complete", 1, 1, ["alpha-1"]],
    [10, "complete", 1, 1, undefined],
  ];
  expect(await told(world.central)).toEqual(complete);
  const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
  expect(await told(again.central)).toEqual(complete);
});

test("a window of before the enrolment is not complete where its agent gave up readings of it", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS - 10_000, { frontier: { watermarkMs: START_MS } });
  agent.skipped(2, 5, 7, { startMs: START_MS - 20_000, endMs: START_MS - 9_000 });
  await world.time.run(8_000);
  const { windows } = await world.central.windows({ ...ALL, group: { site: "alpha" } });
  expect(windows.map(({ state, completeness }) => [state, completeness.agentsWithLoss])).toEqual([
    ["provisional", ["alpha-1"]],
  ]);
});

test("a window of which the agent gave up some is never complete, over kill -9, and ends final with its name", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (const [at, second] of [0, 2, 4].entries()) agent.panes(at + 1, START_MS + 1_000 * second);
  // The frontier comes before the batch that tells of the loss, and does not count until that is here.
  const passed = { watermarkMs: START_MS + 10_000, holds: { alarm: 0, live: 9, backfill: 0 } };
  agent.beat({ number: 2, ...passed });
  await world.time.run(15_000);
  const missing = ["provisional", ["alpha-1"], undefined];
  expect(await standings(world.central)).toEqual({ 0: missing, 2: missing, 4: missing });
  agent.skipped(4, 9, 70, { startMs: START_MS + 1_500, endMs: START_MS + 2_500 });
  await world.time.run(5_000);
  const settled = {
    0: ["complete", [], undefined],
    2: ["provisional", ["alpha-1"], ["alpha-1"]],
    4: ["complete", [], undefined],
  };
  expect(await standings(world.central)).toEqual(settled);

  const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
  const other = agentOf(again);
  other.hello({ epoch: 1, lanes: { live: { sent: 9, next: 10, epochs: [{ epoch: 1, from: 1 }] } } });
  await world.time.run(10);
  other.beat({ number: 3, ...passed, watermarkMs: START_MS + 20_000 });
  await world.time.run(5_000);
  expect(await standings(again.central)).toEqual(settled);
  await world.time.run(WINDOW.latenessMs);
  expect((await standings(again.central))[2]).toEqual(["final", ["alpha-1"], ["alpha-1"]]);
});

test("what the agent gave up counts as lost in the very commit that holds it, at whichever one central is killed", async () => {
  for (let killed = 1; ; killed++) {
    const world = await start();
    world.store.fate = (commit) => (commit >= killed ? "crash_before" : "done");
    const agent = agentOf(world);
    agent.hello();
    await world.time.run(10);
    agent.skipped(1, 3, 70, { startMs: START_MS, endMs: START_MS + 900 });
    await world.time.run(10);
    const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
    const next = agentOf(again);
    const lane = { sent: 3, next: 4, epochs: [{ epoch: agent.welcome?.epoch ?? 0, from: 1 }] };
    next.hello({ epoch: agent.welcome?.epoch ?? 0, lanes: { live: lane } });
    await world.time.run(10);
    const isHeld = next.welcome?.marks.live === 3;
    expect(isHeld).toBe(agent.acks.live === 3);
    next.panes(4, START_MS, { frontier: { number: 4, watermarkMs: START_MS + 10_000 } });
    await world.time.run(5_000);
    const withLoss = isHeld ? ["alpha-1"] : undefined;
    expect((await standings(again.central))[0]?.[2]).toEqual(withLoss);
    if (isHeld) break;
  }
});

test.each(["wiped", "rolled back", "with a gap", "changed for an older one"])(
  "a window that waits for an agent's backlog is never complete once its store is %s",
  async (fate) => {
    const world = await start();
    const other = { storeId: "b".repeat(32) };
    if (fate.startsWith("changed")) {
      (await welcomed(world, other)).hangUp();
      await world.time.run(WINDOW.latenessMs);
    }
    const first = await welcomed(world);
    const fromMs = Math.floor(world.time.nowMs / 1_000) * 1_000;
    const pending = [{ startMs: fromMs, endMs: fromMs + 900 }];
    for (const at of [0, 1, 2]) first.panes(at + 1, fromMs + 2_000 * at);
    first.beat({ number: 2, watermarkMs: fromMs + 3_000, pending });
    await world.time.run(10_000);
    first.hangUp();
    const lane = { sent: fate === "rolled back" ? 2 : 3, next: 9, epochs: [{ epoch: 1, from: 1 }] };
    const isOther = fate === "wiped" || fate.startsWith("changed");
    const next = agentOf(world, isOther ? other : {});
    if (isOther) next.hello({ epoch: fate === "wiped" ? 0 : 1 });
    else next.hello({ epoch: 1, lanes: { live: { ...lane, oldest: fate === "with a gap" ? 7 : 1 } } });
    await world.time.run(10);
    const epoch = next.welcome?.epoch ?? 0;
    next.beat({ epoch, number: 3, watermarkMs: Math.floor(world.time.nowMs) + 4_000 });
    await world.time.run(5_000);
    const settled = Object.values(await standings(world.central));
    const lost = ["provisional", ["alpha-1"], ["alpha-1"]];
    expect(settled).toEqual([lost, ["complete", [], undefined], lost]);
    next.panes(9, fromMs + 12_000, { epoch, frontier: { number: 4, watermarkMs: fromMs + 20_000 } });
    await world.time.run(5_000);
    expect(Object.values(await standings(world.central)).at(-1)).toEqual(["complete", [], undefined]);
  },
);
