// Stores that were rolled back, cloned, wiped or brought back from a backup, the agents' or central's: nothing is lost,
// nothing counts twice.
import { expect, test } from "vitest";
import {
  activeAlarms,
  agentOf,
  countsByStart,
  run,
  start,
  START_MS,
  welcomed,
  welcomedWith,
} from "./central-world.test-support.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";

test("a store that was rolled back gets a new epoch and its new batches count", async () => {
  const world = await start();
  const first = await welcomed(world);
  for (let sequence = 1; sequence <= 5; sequence++) first.panes(sequence, START_MS);
  await world.time.run(10);
  first.hangUp();
  // The disk of yesterday: two sent, and two new batches that take the numbers three and four again.
  const second = agentOf(world);
  second.hello({
    epoch: 1,
    lanes: { live: { oldest: 1, sent: 2, next: 5, epochs: [{ epoch: 1, from: 1 }] } },
  });
  await world.time.run(10);
  expect(second.welcome).toMatchObject({ epoch: 2, marks: { live: 2 } });
  expect(activeAlarms(world.central)).toEqual(["store_rolled_back"]);
  second.panes(3, START_MS, { epoch: 2 });
  second.panes(4, START_MS, { epoch: 2 });
  await world.time.run(500);
  expect(second.acks.live).toBe(4);
  expect(await countsByStart(world.central)).toEqual({ 0: 7 });
  // Back again to the same old disk: once more an epoch of its own.
  second.hangUp();
  const third = agentOf(world);
  third.hello({
    epoch: 1,
    lanes: { live: { oldest: 1, sent: 2, next: 3, epochs: [{ epoch: 1, from: 1 }] } },
  });
  await world.time.run(10);
  expect(third.welcome).toMatchObject({ epoch: 3, marks: { live: 2 } });
});

test("a backlog that a rolled-back store shares with the one it was copied from counts once", async () => {
  const world = await start();
  const first = await welcomedWith(world, [run("one", 1)]);
  for (const sequence of [1, 2, 3, 5, 6]) first.panes(sequence, START_MS);
  await world.time.run(10);
  first.hangUp();
  // Copied with three and four unsent: three has arrived from the original, four not yet. Five is its own.
  const second = agentOf(world);
  second.hello({
    epoch: 1,
    lanes: { live: { oldest: 1, sent: 2, next: 6, epochs: [{ epoch: 1, from: 1 }] } },
    runs: [run("one", 1), run("two", 5)],
  });
  await world.time.run(10);
  expect(second.welcome).toMatchObject({ epoch: 2, epochFrom: { live: 5 }, marks: { live: 3 } });
  second.panes(3, START_MS, { epoch: 1 });
  second.panes(4, START_MS, { epoch: 1 });
  second.panes(5, START_MS, { epoch: 2 });
  await world.time.run(500);
  expect(second.acks.live).toBe(5);
  expect(await countsByStart(world.central)).toEqual({ 0: 7 });
});

test("an image made before the first contact, and brought back after all was sent, counts once", async () => {
  const world = await start();
  const first = agentOf(world);
  const backlog = { live: { next: 5, epochs: [{ epoch: 0, from: 1 }] } };
  first.hello({ epoch: 0, lanes: backlog, runs: [run("one", 1)] });
  await world.time.run(10);
  expect(first.welcome).toMatchObject({ epoch: 1, marks: { live: 0 } });
  for (const sequence of [1, 2, 3, 4, 5, 6]) first.panes(sequence, START_MS);
  await world.time.run(10);
  first.hangUp();
  const back = agentOf(world);
  back.hello({
    epoch: 0,
    lanes: { live: { ...backlog.live, next: 6 } },
    runs: [run("one", 1), run("two", 5)],
  });
  await world.time.run(10);
  expect(back.welcome).toMatchObject({ epoch: 2, epochFrom: { live: 5 }, marks: { live: 4 } });
  back.panes(4, START_MS, { epoch: 1 });
  back.panes(5, START_MS, { epoch: 2 });
  await world.time.run(500);
  expect(back.acks.live).toBe(5);
  expect(await countsByStart(world.central)).toEqual({ 0: 7 });
  expect(activeAlarms(world.central)).toEqual(["store_rolled_back"]);
});

test.each(["original", "clone"])(
  "a clone that started twice offline: nothing lost, nothing twice, when the %s comes first",
  async (first) => {
    const world = await start();
    const before = await welcomedWith(world, [run("one", 1)]);
    for (const sequence of [1, 2]) before.panes(sequence, START_MS);
    await world.time.run(10);
    before.hangUp();
    // Copied with three and four unsent. The clone has five, then six and seven; the original five to eight of its own.
    const live = { sent: 2, epochs: [{ epoch: 1, from: 1 }] };
    const runs = [run("one", 1)];
    const clone = { next: 8, runs: [...runs, run("two", 5), run("three", 6)] };
    const original = { next: 9, runs: [...runs, run("four", 5)] };
    const order = first === "clone" ? [clone, original] : [original, clone];
    for (const [index, { next, runs }] of order.entries()) {
      const agent = agentOf(world);
      agent.hello({ epoch: 1, lanes: { live: { ...live, next } }, runs });
      await world.time.run(10);
      expect(agent.welcome).toMatchObject({ epoch: 1 + index, marks: { live: index === 0 ? 2 : 4 } });
      expect(agent.welcome?.epochFrom?.live).toBe(index === 0 ? undefined : 5);
      for (let sequence = 3; sequence < next; sequence += 1)
        agent.panes(sequence, START_MS, { epoch: sequence < 5 ? 1 : 1 + index });
      await world.time.run(500);
      expect(agent.acks.live).toBe(next - 1);
      agent.hangUp();
    }
    expect(await countsByStart(world.central)).toEqual({ 0: 4 + 3 + 4 });
  },
);

test("a store that starts many times offline keeps its epoch, also where a start was lost in a crash", async () => {
  const world = await start();
  const first = await welcomedWith(world, [run("one", 1)]);
  first.panes(1, START_MS);
  await world.time.run(10);
  first.hangUp();
  const live = { sent: 1, next: 6, epochs: [{ epoch: 1, from: 1 }] };
  for (const last of ["never durable", "five"]) {
    const again = agentOf(world);
    again.hello({
      epoch: 1,
      lanes: { live },
      runs: [run("one", 1), run("two", 2), run("three", 2), run("four", 4), run(last, 6)],
    });
    await world.time.run(10);
    expect(again.welcome).toMatchObject({ epoch: 1, marks: { live: 1 } });
    again.hangUp();
  }
  expect(world.central.alarms()).toEqual([]);
});

test("an epoch whose welcome was lost is granted again, without an alarm", async () => {
  const world = await start();
  (await welcomed(world)).hangUp();
  const again = agentOf(world);
  again.hello({ epoch: 0, lanes: { live: { sent: 0, next: 4, epochs: [{ epoch: 0, from: 1 }] } } });
  await world.time.run(10);
  expect(again.welcome).toMatchObject({ epoch: 1, marks: { live: 0 } });
  again.panes(1, START_MS);
  await world.time.run(10);
  expect(again.acks.live).toBe(1);
  expect(world.central.alarms()).toEqual([]);
});

test("batches of an older epoch that are still held are taken beside the new one's", async () => {
  const world = await start();
  const first = await welcomed(world);
  for (const sequence of [1, 2, 6]) first.panes(sequence, START_MS);
  await world.time.run(10);
  first.hangUp();
  const second = agentOf(world);
  second.hello({ epoch: 1, lanes: { live: { sent: 4, next: 6, epochs: [{ epoch: 1, from: 1 }] } } });
  await world.time.run(10);
  expect(second.welcome).toMatchObject({ epoch: 2, marks: { live: 2 } });
  second.panes(5, START_MS, { epoch: 2 });
  await world.time.run(10);
  expect(second.acks.live).toBe(2);
  second.panes(3, START_MS, { epoch: 1 });
  second.panes(4, START_MS, { epoch: 1 });
  await world.time.run(10);
  expect(second.acks.live).toBe(5);
});

test("a wiped store is a new one: epoch 1, and an alarm that says so", async () => {
  const world = await start();
  const first = await welcomed(world);
  first.panes(1, START_MS, { frontier: { number: 900, watermarkMs: START_MS } });
  await world.time.run(10);
  first.hangUp();
  const second = await welcomed(world, { storeId: "b".repeat(32) });
  expect(second.welcome).toMatchObject({ epoch: 1, marks: { live: 0 } });
  expect(activeAlarms(world.central)).toEqual(["store_replaced"]);
  second.panes(1, START_MS, { frontier: { number: 1, watermarkMs: START_MS + 1_000 } });
  await world.time.run(500);
  expect(await countsByStart(world.central)).toEqual({ 0: 2 });
  expect(world.central.agents()[0]).toMatchObject({ agent: "alpha-1", watermarkMs: START_MS + 1_000 });
});

test("a central restored from a backup asks for what it lost, and knows what is gone", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (let sequence = 1; sequence <= 3; sequence++) agent.panes(sequence, START_MS);
  await world.time.run(500);
  const backup = new CrashingStore(world.store.snapshot());
  for (let sequence = 4; sequence <= 9; sequence++) agent.panes(sequence, START_MS);
  await world.time.run(500);
  const restored = await start(backup);
  const back = agentOf(restored);
  const lane = { oldest: 6, sent: 9, next: 10, epochs: [{ epoch: 1, from: 6 }] };
  back.hello({ epoch: 1, lanes: { live: lane } });
  await restored.time.run(10);
  expect(back.welcome).toMatchObject({ epoch: 1, marks: { live: 5 } });
  expect(restored.central.alarms()).toMatchObject([{ rule: "sequence_gap", value: 2 }]);
  for (let sequence = 6; sequence <= 9; sequence++) back.panes(sequence, START_MS);
  await restored.time.run(500);
  expect(back.acks.live).toBe(9);
  expect(await countsByStart(restored.central)).toEqual({ 0: 7 });
});

test("a new central takes everything that an agent still holds, under the agent's epoch", async () => {
  const world = await start();
  const agent = agentOf(world);
  agent.hello({
    epoch: 3,
    lanes: {
      live: {
        oldest: 40,
        sent: 42,
        next: 44,
        epochs: [
          { epoch: 2, from: 40 },
          { epoch: 3, from: 42 },
        ],
      },
    },
  });
  await world.time.run(10);
  expect(agent.welcome).toMatchObject({ epoch: 3, marks: { live: 39 } });
  agent.panes(42, START_MS, { epoch: 3 });
  agent.panes(43, START_MS, { epoch: 3 });
  agent.panes(40, START_MS, { epoch: 2 });
  agent.panes(41, START_MS, { epoch: 2 });
  await world.time.run(10);
  expect(agent.acks.live).toBe(43);
  expect(world.central.alarms()).toEqual([]);
});
