// What agents send counts once, whatever its order and copies; what cannot count is refused, counted and kept aside.
import { encodeSkippedBatch } from "@millrace/wire";
import { expect, test } from "vitest";
import {
  activeAlarms,
  agentOf,
  ALL,
  countsByStart,
  DAY_MS,
  HOUR_MS,
  start,
  START_MS,
  welcomed,
} from "./central-world.test-support.ts";
import { FUTURE_MS_MAX, SKIPPED_AHEAD_MAX } from "./commit/message-applier.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { SEQUENCES_ABOVE_MAX } from "./deduplication/sequence-set.ts";
import { METRIC, WINDOW } from "./seconds.test-support.ts";

test("a first contact gets epoch 1 and no alarm; nothing is taken before the hello", async () => {
  const world = await start();
  const agent = agentOf(world);
  agent.panes(1, START_MS);
  agent.beat();
  agent.hello();
  await world.time.run(10);
  expect(agent.welcome).toMatchObject({ epoch: 1, marks: { alarm: 0, live: 0, backfill: 0 } });
  expect(agent.acks).toEqual({});
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 0, rejected: { no_session: 2 } });
  expect(world.central.alarms()).toEqual([]);
});

test("what is live is held before another agent's backlog that came first, and before its own", async () => {
  const world = await start();
  const greedy = await welcomed(world);
  const other = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  for (let sequence = 1; sequence <= 1_500; sequence += 1)
    greedy.panes(sequence, START_MS - DAY_MS / 48 + sequence, { lane: "backfill" });
  greedy.panes(1, START_MS);
  other.panes(1, START_MS);
  let heldOfBacklog = -1;
  Object.defineProperty(other.acks, "live", {
    set: () => {
      heldOfBacklog = greedy.acks.backfill ?? 0;
    },
  });
  await world.time.run(1_000);
  expect(heldOfBacklog).toBeGreaterThanOrEqual(0);
  expect(heldOfBacklog).toBeLessThan(800);
  expect(greedy.acks).toMatchObject({ live: 1, backfill: 1_500 });
});

test("batches in any order and any number of copies count once; the mark waits for gaps", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (const sequence of [3, 1, 3, 5, 1]) agent.panes(sequence, START_MS);
  await world.time.run(10);
  expect(agent.acks.live).toBe(1);
  for (const sequence of [2, 5, 4, 2]) agent.panes(sequence, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(5);
  expect(await countsByStart(world.central)).toEqual({ 0: 5 });
  expect(world.central.ledger().get("alpha-1")).toMatchObject({
    received: 5,
    merged: 5,
    tooLate: 0,
    batches: 5,
    duplicates: 4,
  });
  agent.panes(6 + SEQUENCES_ABOVE_MAX, START_MS);
  await world.time.run(10);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ batches: 5, beyond: 1 });
});

test("batches that wait together for what the store has of their windows keep their own readings", async () => {
  const world = await start(new CrashingStore(), { agents: [{ id: "alpha-1", site: "alpha" }] });
  const agent = await welcomed(world);
  // Complete windows of half an hour ago leave memory.
  const startsMs = [0, 1, 2].map((second) => START_MS - HOUR_MS / 2 + 1_000 * second);
  for (const [at, startMs] of startsMs.entries())
    agent.panes(at + 1, startMs, { value: 10, frontier: { number: at + 1, watermarkMs: START_MS } });
  await world.time.run(60_000);
  expect(world.central.counts.engine?.panesInMemory).toBe(0);
  const again = agentOf(world);
  again.hello({ epoch: 1, lanes: { live: { sent: 3, next: 4, epochs: [{ epoch: 1, from: 1 }] } } });
  await world.time.run(10);
  for (const [at, startMs] of startsMs.entries()) again.panes(at + 4, startMs, { value: 20 + at });
  await world.time.run(2_000);
  const { windows } = await world.central.windows(ALL);
  expect(windows.map(({ values }) => values["mean"])).toEqual([15, 15.5, 16]);
  await world.central.close();
});

test("junk is counted by reason and kept aside, and the batch after it is taken", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.send("batch", Buffer.alloc(1_000, 7));
  agent.send("batch", Buffer.alloc(600_000));
  agent.send("heartbeat", Buffer.from("{"));
  agent.batch(1, Buffer.from("no panes"), { kind: "panes", readingCount: 4 });
  agent.panes(2, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(2);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({
    received: 5,
    merged: 1,
    unreadable: 4,
    rejected: { malformed_batch: 1, oversized: 1, malformed_heartbeat: 1, malformed_body: 1 },
  });
  const entries = await world.central.quarantine(10);
  expect(entries.map((entry) => [entry.reason, entry.byteCount])).toEqual([
    ["malformed_body", 88],
    ["oversized", 600_000],
    ["malformed_batch", 1_000],
    ["malformed_heartbeat", 1],
  ]);
  expect(Buffer.from(entries[1]?.head ?? "", "base64").length).toBe(256);
});

test("batches that the agent gave up move the mark on, are counted and raise an alarm once", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  agent.skipped(2, 9, 70);
  agent.skipped(2, 9, 70);
  agent.panes(10, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(10);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 2, skipped: 70, duplicates: 1 });
  expect(world.central.alarms()).toMatchObject([{ rule: "data_loss", value: 70, step: 1 }]);
  await world.time.run(700_000);
  expect(activeAlarms(world.central)).not.toContain("data_loss");
});

test("a range that was given up cannot reach beyond what the agent can have appended: it is refused, and what comes is taken", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  for (const to of [Number.MAX_SAFE_INTEGER, SKIPPED_AHEAD_MAX + 100]) agent.skipped(2, to, 70);
  await world.time.run(10);
  expect(agent.acks.live).toBe(1);
  for (let sequence = 2; sequence <= 4; sequence++) agent.panes(sequence, START_MS);
  await world.time.run(10);
  expect(agent.acks.live).toBe(4);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({
    received: 4,
    skipped: 0,
    duplicates: 0,
    rejected: { malformed_batch: 2 },
  });
  agent.skipped(5, SKIPPED_AHEAD_MAX, 70);
  await world.time.run(10);
  expect(agent.acks.live).toBe(SKIPPED_AHEAD_MAX);
});

test("sequences whose panes were made coarser are moved over, and nothing is lost with them", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  const body = encodeSkippedBatch({ from: 2, to: 9, readings: 0, reason: "coarsened" });
  agent.batch(2, body, { kind: "skipped" });
  agent.panes(10, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(10);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 2, skipped: 0 });
  expect(activeAlarms(world.central)).not.toContain("data_loss");
});

test("what a newer agent accumulates besides is counted, and keeps nothing else of its readings back", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { unread: [{ id: 99, bytes: Uint8Array.of(1, 2, 3) }] });
  agent.panes(2, START_MS);
  await world.time.run(1_000);
  expect(agent.acks.live).toBe(2);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 2, merged: 2, partlyRead: 1 });
});

test("readings under another site's name are refused, counted, and alarmed once; other labels are the agent's own", async () => {
  const world = await start(undefined, {
    pipeline: { metrics: [METRIC], windows: [WINDOW, { ...WINDOW, name: "t_all", by: ["machine"] }] },
  });
  const beta = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  beta.panes(1, START_MS, { labels: { site: "alpha", machine: "m" } });
  beta.panes(2, START_MS, { labels: { site: "alpha", machine: "m" } });
  beta.panes(3, START_MS, { labels: { site: "beta", machine: "alpha", host: "alpha-1" } });
  beta.panes(4, START_MS, { labels: { machine: "m" } });
  await world.time.run(1_000);
  expect(beta.acks.live).toBe(4);
  expect(world.central.ledger().get("beta-1")).toMatchObject({ received: 4, merged: 2, foreignSite: 2 });
  const { windows } = await world.central.windows(ALL);
  expect(windows.map(({ group, values }) => [group["site"], values["count"]])).toEqual([
    ["", 1],
    ["beta", 1],
  ]);
  expect(world.central.alarms()).toMatchObject([{ rule: "data_loss", agent: "beta-1", step: 1 }]);
  expect((await world.central.quarantine(10))[0]).toMatchObject({ reason: "foreign_site" });
});

test("panes of absurd times and sizes are counted, and central goes on", async () => {
  const world = await start();
  const agent = await welcomed(world);
  let sequence = 0;
  const absurd = [-1, 0, 2 ** 51, START_MS + 1_000_000_000_000];
  for (const timeMs of absurd) agent.panes(++sequence, timeMs);
  agent.panes(++sequence, START_MS);
  await world.time.run(5_000);
  expect(world.central.health()).toMatchObject({ isAlive: true });
  expect(agent.acks.live).toBe(sequence);
  const totals = world.central.ledger().get("alpha-1");
  expect(totals?.received).toBe(
    (totals?.merged ?? 0) + (totals?.tooLate ?? 0) + (totals?.unwindowed ?? 0) + (totals?.future ?? 0),
  );
  expect(totals?.received).toBe(sequence);
});

test("panes far ahead of the clock are refused and counted, alarmed once, and leave memory and page to the present", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  for (let sequence = 2; sequence <= 200; sequence++)
    agent.panes(sequence, START_MS + FUTURE_MS_MAX + 1_000 * sequence);
  agent.panes(201, START_MS + FUTURE_MS_MAX - 5_000);
  await world.time.run(2_000);
  expect(agent.acks.live).toBe(201);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 201, merged: 2, future: 199 });
  expect(world.central.counts.engine?.windowsInMemory).toBe(2);
  expect(world.central.recentWindows()).toHaveLength(2);
  expect(world.central.alarms()).toMatchObject([{ rule: "data_loss", step: 1 }]);
  expect((await world.central.quarantine(10))[0]).toMatchObject({ reason: "future" });
});

test("it tells what came late: for which window, how late, from whom", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { frontier: { number: 1, watermarkMs: START_MS + 2_000 } });
  await world.time.run(2_500);
  expect(world.central.late(10)).toEqual([]);
  agent.panes(2, START_MS);
  await world.time.run(WINDOW.latenessMs + 10_000);
  const again = await welcomed(world);
  again.panes(3, START_MS);
  await world.time.run(1_000);
  const window = { window: WINDOW.name, agent: "alpha-1", startMs: START_MS };
  expect(world.central.late(10)).toMatchObject([
    { ...window, reason: "too_late" },
    { ...window, reason: "after_complete" },
  ]);
  expect(world.central.late(1)).toHaveLength(1);
  expect(world.central.lateCounts).toEqual([
    { window: WINDOW.name, reason: "after_complete", readings: 1 },
    { window: WINDOW.name, reason: "too_late", readings: 1 },
  ]);
});
