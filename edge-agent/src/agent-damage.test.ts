// Damage to what a crash left is told to central with its readings and time, or for all that may be lost.
import { type MemorySnapshot, MemoryStore } from "@millrace/queue";
import { SeededRandom } from "@millrace/testkit";
import { decodeSkippedBatch } from "@millrace/wire";
import { beforeAll, describe, expect, it } from "vitest";
import type { AgentStatus } from "./status/agent-status.ts";
import { checkpointKey, numberOfKey, PREFIX } from "./durability/agent-store.ts";
import { START_MS, bench, config } from "./agent-bench.test-support.ts";

describe("damage to what a crash left", () => {
  /** With an alarm, quarantined payloads, open panes and batches in it. */
  let damagedFrom: MemorySnapshot;
  beforeAll(async () => {
    const store = new MemoryStore();
    const { agent, time, central, temperature, publish } = await bench({ store });
    agent.start();
    await time.run(100);
    for (let round = 0; round < 3; round += 1) {
      void temperature(round === 1 ? 90 : 50);
      void publish("factory/alpha/m1/level", "1");
      void publish("factory/alpha/m1/level", "junk");
      await time.run(2_000);
      if (round === 0) central.acknowledge();
    }
    damagedFrom = store.snapshot();
  });

  /** Three commits of 2, 3 and 1 readings in open panes, with the watermark known; then a power cut. */
  async function crashed(): Promise<{ store: MemoryStore; entries: Uint8Array[] }> {
    const store = new MemoryStore();
    const { agent, time, central, temperature, publish } = await bench({ store });
    agent.start();
    void temperature(50);
    await time.run(2_000);
    central.acknowledge();
    await time.run(1_100);
    const before = entriesOf(store).length;
    for (const count of [2, 3, 1]) {
      for (let reading = 0; reading < count; reading += 1) void publish("factory/alpha/m1/level", "1");
      await time.run(5);
    }
    expect(agent.status().ledger).toMatchObject({ open: 6, forwarded: 1 });
    return { store: store.crash(), entries: entriesOf(store).slice(before) };
  }

  function entriesOf(store: MemoryStore): Uint8Array[] {
    const keys = [...store.snapshot().entries.keys()].map((text) =>
      Uint8Array.from(text, (character) => character.charCodeAt(0)),
    );
    return keys.filter(([prefix]) => prefix === PREFIX.redo).sort((a, b) => numberOfKey(a) - numberOfKey(b));
  }

  /** Starts on the store, with a central that holds so much of the live lane. */
  async function restarted(store: MemoryStore, startMs: number, live = 1) {
    const again = await bench({ store, startMs });
    again.central.marks = { alarm: 0, live, backfill: 0, evidence: 0 };
    again.agent.start();
    await again.time.run(2_000);
    again.central.acknowledge();
    await again.time.run(2_000);
    const skipped = again.central.batches.filter(({ kind }) => kind === "skipped");
    return { ...again, skipped };
  }

  function sum({ open, queued, forwarded, evicted, damaged }: AgentStatus["ledger"]): number {
    return open + queued + forwarded + evicted + damaged;
  }

  it("of a redo entry is told to central, with the readings and their time, and only once", async () => {
    const { store, entries } = await crashed();
    store.damage(entries[1], (value) => value.fill(0, 40, 45));
    const { agent, central, skipped } = await restarted(store, START_MS + 60_000);
    expect(skipped).toMatchObject([{ lane: "live", readingCount: 3 }]);
    expect(decodeSkippedBatch(skipped[0].body)).toMatchObject({ message: { reason: "damaged" } });
    // The readings are of about 3 s after the start; how late they were at most is not known.
    expect(skipped[0].startMs).toBeGreaterThan(START_MS - 15 * 60_000);
    expect(skipped[0].startMs).toBeLessThanOrEqual(START_MS);
    expect(skipped[0].endMs).toBeGreaterThan(START_MS + 3_200);
    expect(skipped[0].endMs).toBeLessThan(START_MS + 20_000);
    const { ledger } = agent.status();
    expect(ledger).toMatchObject({ received: 7, aggregated: 7, damaged: 3 });
    expect(sum(ledger)).toBe(7);
    // No frontier that promises more than those before the crash counts before central holds the batch.
    const [{ frontier: before }, ...frontiers] = central.heartbeats;
    expect(before.watermarkMs).toBe(START_MS - 5_000);
    for (const { frontier } of frontiers)
      expect(frontier.holds.live).toBeGreaterThanOrEqual(skipped[0].sequence);
    const third = await restarted(store.crash(), START_MS + 120_000, central.marks.live);
    expect(third.skipped).toEqual([]);
    expect(third.agent.status().ledger).toMatchObject({ aggregated: 7, damaged: 3 });
  });

  it("of the newest redo entry is told without a number, which no other entry knows", async () => {
    const { store, entries } = await crashed();
    store.damage(entries[2], (value) => value.fill(0, 40, 45));
    const { agent, skipped } = await restarted(store, START_MS + 60_000);
    expect(skipped).toMatchObject([{ lane: "live", readingCount: 0 }]);
    expect(skipped[0].endMs).toBeGreaterThan(START_MS + 60_000);
    const { ledger } = agent.status();
    expect(sum(ledger)).toBe(ledger.aggregated);
    expect(ledger).toMatchObject({ received: 6, aggregated: 6 });
  });

  it("of the newest redo entry, all of it checkpointed, is no loss: what is held counts as received", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.agent.start();
    void first.publish("factory/alpha/m1/level", "1");
    await first.time.run(2_000);
    store.damage(entriesOf(store).at(-1)!, () => new Uint8Array(3));
    const { agent, skipped } = await restarted(store.crash(), START_MS + 60_000);
    expect(skipped).toEqual([]);
    const { ledger } = agent.status();
    expect(ledger).toMatchObject({ received: 1, aggregated: 1, damaged: 0 });
    expect(sum(ledger)).toBe(1);
  });

  it("of the panes' checkpoint is told for all time that may have been open", async () => {
    const { store } = await crashed();
    store.damage(checkpointKey("panes"), () => new Uint8Array(3));
    const { agent, skipped } = await restarted(store, START_MS + 60_000);
    expect(skipped).toMatchObject([{ lane: "live", readingCount: 6, startMs: config.limits.clockFloorMs }]);
    expect(skipped[0].endMs).toBeGreaterThan(START_MS + 60_000);
    expect(sum(agent.status().ledger)).toBe(7);
  });

  it("that nothing tells the extent of is told for all time that may have been open", async () => {
    const { store } = await crashed();
    const again = await bench({ store, startMs: START_MS + 60_000, hasLostCommits: true });
    again.central.marks = { alarm: 0, live: 1, backfill: 0, evidence: 0 };
    again.agent.start();
    await again.time.run(2_000);
    again.central.acknowledge();
    await again.time.run(2_000);
    const skipped = again.central.batches.filter(({ kind }) => kind === "skipped");
    expect(skipped).toMatchObject([{ lane: "live", readingCount: 0, startMs: config.limits.clockFloorMs }]);
    expect(skipped[0].endMs).toBeGreaterThan(START_MS + 60_000);
    expect(sum(again.agent.status().ledger)).toBe(7);
  });

  it("that took the redo log with the ledger: what is held counts as received, and the rest is told", async () => {
    const { store } = await crashed();
    const entries = new Map(
      [...store.snapshot().entries].filter(([key]) => key.charCodeAt(0) !== PREFIX.redo),
    );
    const again = await bench({ store: MemoryStore.restore({ entries }), hasLostCommits: true });
    const { ledger } = again.agent.status();
    expect(sum(ledger)).toBe(ledger.aggregated);
    expect(ledger.received).toBe(ledger.aggregated);
  });

  it.each(Array.from({ length: 300 }, (_, seed) => seed))(
    "of any value never refuses the start, seed %i",
    async (seed) => {
      const random = new SeededRandom(seed, "damage");
      const { entries } = damagedFrom;
      const store = MemoryStore.restore({ entries });
      for (const text of entries.keys()) {
        if (seed >= entries.size && random.chance(0.7)) continue;
        if (seed < entries.size && text !== [...entries.keys()][seed]) continue;
        const key = Uint8Array.from(text, (character) => character.charCodeAt(0));
        store.damage(key, (value) => {
          const flips = random.integer(1, 3);
          for (let flip = 0; flip < flips && value.length > 0; flip += 1)
            value[random.integer(0, value.length - 1)] ^= 1 << random.integer(0, 7);
          return value;
        });
      }
      const { agent, time } = await bench({ store, startMs: START_MS + 60_000 });
      agent.start();
      await time.run(3_000);
      expect(agent.status().store.failure).toBeNull();
    },
  );
});
