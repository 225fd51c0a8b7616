// Central's own store is damaged: windows and ledger say what may be gone, and central goes on.
import type { Entry } from "@millrace/queue";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import {
  agentOf,
  ALL,
  run,
  standings,
  start,
  START_MS,
  welcomed,
  welcomedWith,
} from "./central-world.test-support.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { METRIC, WINDOW } from "./seconds.test-support.ts";

test("a store of central's that lost commits is an alarm, and no window up to then is whole for sure", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { value: 1, frontier: { number: 1, watermarkMs: START_MS + 500 } });
  await world.time.run(500);
  await world.central.close();
  let bookedCount = 0;
  const store = new CrashingStore(world.store.snapshot());
  store.fate = (commit) => (commit === 1 ? "refused" : "done");
  const loss = { detail: "it was mended", booked: () => void (bookedCount += 1) };
  const time = new SimulatedTime(START_MS + 3_000);
  const again = await start(store, { time, loss });
  const alarm = () => again.central.alarms().find(({ rule }) => rule === "store_damaged");
  await time.run(300);
  expect(bookedCount).toBe(0);
  const back = agentOf(again);
  back.hello({ epoch: 1, lanes: { live: { sent: 1, next: 2, epochs: [{ epoch: 1, from: 1 }] } } });
  await time.run(2_000);
  expect(bookedCount).toBe(1);
  expect(alarm()).toMatchObject({
    isActive: true,
    agent: "",
    message: "central's store was damaged: it was mended",
  });
  back.panes(2, START_MS + 10_000, { value: 1, frontier: { number: 2, watermarkMs: START_MS + 20_000 } });
  await time.run(20_000);
  const told = await standings(again.central);
  expect(told[0]).toEqual(["provisional", ["alpha-1"], ["alpha-1"]]);
  expect(told[10]).toEqual(["complete", [], undefined]);
  await time.run(600_000);
  expect(alarm()?.isActive).toBe(false);
});

test("a complete window whose panes central's store has lost is revised as one with a loss, over another restart too", async () => {
  const sliding = { ...WINDOW, name: "t_sliding", sizeMs: 4_000, slideMs: 1_000 };
  const pipeline = { metrics: [METRIC], windows: [WINDOW, sliding] };
  const world = await start(undefined, { pipeline });
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { value: 120, frontier: { number: 1, watermarkMs: START_MS + 60_000 } });
  await world.time.run(10_000);
  expect((await standings(world.central))[0]).toEqual(["complete", [], undefined]);
  const snapshot = world.store.snapshot();
  const isPane = (key: string) => key.startsWith("ep|");
  const kept = [...snapshot.entries].filter(([key]) => !isPane(key));
  expect(kept.length).toBe(snapshot.entries.size - 1);

  const { time } = world;
  const loss = { detail: "it was mended", booked: () => {} };
  const mended = await start(new CrashingStore({ entries: new Map(kept) }), { pipeline, time, loss });
  const damagedAtMs = Math.floor(time.nowMs);
  const lanes = { live: { sent: 1, next: 2, epochs: [{ epoch: 1, from: 1 }] } };
  const back = agentOf(mended);
  back.hello({ epoch: 1, lanes });
  await time.run(1_000);
  const passed = { watermarkMs: START_MS + 60_000 };
  back.panes(2, START_MS, { value: 20, frontier: { number: 2, ...passed } });
  await time.run(5_000);
  const told = { values: { count: 1, mean: 20 }, state: "provisional" };
  const named = { agentsMissing: ["alpha-1"], agentsWithLoss: ["alpha-1"] };
  const { windows } = await mended.central.windows({ ...ALL, group: { site: "alpha" } });
  expect(windows).toMatchObject([{ ...told, revision: 3, completeness: named }]);
  const neighbours = await mended.central.windows({ ...ALL, window: "t_sliding" });
  expect(neighbours.windows).toMatchObject(
    Array.from({ length: 4 }, () => ({ ...told, completeness: named })),
  );
  // The ledger counts both: it says since when that is not what windows hold.
  const sum = { received: 2, merged: 2, tooLate: 0 };
  const storeDamaged = { firstAtMs: damagedAtMs, lastAtMs: damagedAtMs };
  expect(mended.central.ledgerSum()).toEqual({ ...sum, storeDamaged });

  const again = await start(new CrashingStore(mended.store.snapshot()), { pipeline, time });
  expect(again.central.ledgerSum()).toEqual({ ...sum, storeDamaged });
  const other = agentOf(again);
  other.hello({ epoch: 1, lanes: { live: { sent: 2, next: 3, epochs: [{ epoch: 1, from: 1 }] } } });
  await time.run(10);
  other.panes(3, START_MS, { value: 40, frontier: { number: 3, ...passed } });
  await time.run(5_000);
  expect((await standings(again.central))[0]).toEqual(["provisional", ["alpha-1"], ["alpha-1"]]);
  await time.run(WINDOW.latenessMs);
  expect((await standings(again.central))[0]).toEqual(["final", ["alpha-1"], ["alpha-1"]]);
});

test("whatever stored value is damaged, central starts, counts it and goes on", async () => {
  const world = await start();
  const agent = await welcomedWith(world, [run("one", 1)]);
  agent.beat({ number: 9, watermarkMs: START_MS, holds: { alarm: 0, live: 99, backfill: 0 } });
  agent.skipped(1, 2, 3, { startMs: START_MS - 5_000, endMs: START_MS - 4_000 });
  agent.panes(3, START_MS, { frontier: { number: 1, watermarkMs: START_MS + 2_000 } });
  agent.panes(5, START_MS + 3_000);
  agent.send("batch", Buffer.alloc(100, 7));
  await world.time.run(11_000);
  await world.central.close();
  const entries: Entry[] = [];
  for await (const entry of world.store.range({ from: Uint8Array.of(65), to: Uint8Array.of(255) }))
    entries.push(entry);
  expect(new Set(entries.map(({ key }) => key[0])).size).toBe(11);
  const random = new SeededRandom(7);
  let unreadableCount = 0;
  for (let round = 0; round < 40 * entries.length; round++) {
    const { key, value } = entries[round % entries.length];
    const damaged = Uint8Array.from(value);
    for (let flips = random.integer(1, 3); flips > 0; flips--)
      damaged[random.integer(0, damaged.length - 1)] ^= 1 << random.integer(0, 7);
    const store = new CrashingStore(world.store.snapshot());
    await store.commit(
      [{ type: "put", key, value: round < entries.length ? damaged.subarray(0, 1) : damaged }],
      {
        isSync: true,
      },
    );
    const again = await start(store, { time: new SimulatedTime(START_MS + 12_000) });
    const back = agentOf(again);
    back.hello({ epoch: 1, lanes: { live: { sent: 5, next: 6, epochs: [{ epoch: 1, from: 1 }] } } });
    await again.time.run(10);
    back.panes(7, START_MS, { frontier: { number: 10, watermarkMs: START_MS + 9_000 } });
    await again.time.run(1_500);
    await again.central.windows(ALL);
    await again.central.latestWindows(null);
    await again.central.quarantine(10);
    expect([round, again.central.health().isAlive, back.welcome !== undefined]).toEqual([round, true, true]);
    unreadableCount += Math.min(1, again.central.counts.unreadable);
    await again.central.close();
  }
  expect(unreadableCount).toBeGreaterThan(5 * entries.length);
});
