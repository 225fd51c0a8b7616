// A gateway that starts with its clock behind: what its sensors stamp is held durably, acts, and is taken in once the clock is proven.
import { loadPipeline } from "@millrace/config";
import { MemoryStore } from "@millrace/queue";
import { zstdCompression } from "@millrace/runtime";
import { SeededRandom } from "@millrace/testkit";
import { decodePaneBatch, type SealedBatch, unpackBody } from "@millrace/wire";
import { describe, expect, it } from "vitest";
import type { AgentStatus } from "./status/agent-status.ts";
import { numberKey, PREFIX, prefixRange } from "./durability/agent-store.ts";
import { parseRedoEntry } from "./durability/redo-entry.ts";
import { type BenchOptions, PIPELINE, START_MS, alarmsOf, bench } from "./agent-bench.test-support.ts";

describe("a gateway that starts with its clock an hour behind", () => {
  const HOUR_MS = 3_600_000;
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  /** Everything received is somewhere. */
  const unbooked = ({ ledger }: AgentStatus) =>
    ledger.received -
    ledger.aggregated -
    ledger.ruleOnly -
    ledger.duplicate -
    sum(Object.values(ledger.rejected)) -
    ledger.held;
  /** Count of readings by pane; a batch that was sent again counts once. */
  const countsOf = (batches: readonly SealedBatch[]) => {
    const counts = new Map<number, number>();
    const panes = batches.filter(({ kind }) => kind === "panes");
    const once = new Map(panes.map((batch) => [`${batch.lane} ${batch.sequence}`, batch]));
    for (const batch of once.values()) {
      const body = unpackBody(batch, zstdCompression);
      const decoded = body.ok ? decodePaneBatch(body.body) : body;
      if (!decoded.ok) throw new Error(decoded.detail);
      for (const { rowCount, startMs, state, layout } of decoded.message.sections)
        for (let row = 0; row < rowCount; row += 1)
          counts.set(startMs[row], (counts.get(startMs[row]) ?? 0) + state[row * layout.stride]);
    }
    return counts;
  };
  /** The sensors' clocks are right, and nothing is in the store yet but what came before the cut. */
  async function behind(options: BenchOptions = {}) {
    const on = await bench({ offsetMs: -HOUR_MS, ...options });
    on.central.isReachable = false;
    on.central.clockMs = () => Math.floor(on.time.nowMs);
    on.agent.start();
    await on.time.run(1_000);
    return on;
  }

  it("acknowledges what its sensors stamp when that is held durably, and takes it in once the clock is set", async () => {
    const { agent, time, wall, central, store, temperature } = await behind();
    const times = [1, 2, 3].map((second) => START_MS + second * 10_000);
    for (const timeMs of times) {
      await time.runUntil(() => time.nowMs >= timeMs, 60_000);
      expect(
        await time.during(temperature(20, timeMs) ?? Promise.reject(new Error("no wait"))),
      ).toBeUndefined();
    }
    const waiting = agent.status();
    expect(waiting.ledger).toMatchObject({ received: 3, held: 3, aggregated: 0, pending: 0 });
    expect(waiting).toMatchObject({ held: { readings: 3, series: 1 }, watermarkMs: null });
    const labels = { machine: "m1", site: "alpha" };
    expect(waiting.held.most).toEqual([{ metric: "temperature", labels, readings: 3 }]);
    expect(waiting.held.bytes).toBeGreaterThan(0);
    const image = store instanceof MemoryStore ? store.snapshot() : undefined;
    expect((await bench({ store: new MemoryStore({}, image) })).agent.status().ledger.held).toBe(3);
    wall.offsetMs = 0;
    await time.run(2_000);
    expect(agent.status().ledger).toMatchObject({
      received: 3,
      held: 0,
      aggregated: 3,
      rejected: { future: 0 },
    });
    expect(agent.status().held).toEqual({ readings: 0, series: 0, bytes: 0, most: [] });
    central.isReachable = true;
    await time.run(60_000);
    expect(countsOf(central.batches)).toEqual(new Map(times.map((timeMs) => [timeMs, 1])));
  });

  it("settles all of it by a witness: each against what a right clock would have said when it came", async () => {
    const { agent, time, wall, central, publish, temperature } = await behind();
    const ahead = (timeMs: number) =>
      publish("factory/alpha/m2/temperature", JSON.stringify({ t: 20, ts: timeMs }));
    void temperature(20, time.nowMs);
    const wrongMs = time.nowMs + 60_000;
    void ahead(wrongMs);
    await time.run(120_000);
    void temperature(21, time.nowMs);
    await time.run(1_000);
    expect(agent.status().ledger).toMatchObject({ held: 3, rejected: { future: 0 } });
    wall.offsetMs = 0;
    await time.run(2_000);
    // The step alone refuses nothing: it may have been a small one of many.
    expect(agent.status().ledger).toMatchObject({ held: 1, aggregated: 2, rejected: { future: 0 } });
    central.isReachable = true;
    await time.run(60_000);
    const status = agent.status();
    expect(status.clock.isProven).toBe(true);
    expect(status.ledger).toMatchObject({ held: 0, aggregated: 2, rejected: { future: 1 } });
    expect(unbooked(status)).toBe(0);
    expect(status.quarantine.at(-1)).toMatchObject({
      reason: "future",
      topic: "temperature",
      client: "held",
    });
    expect(status.quarantine.at(-1)?.detail).toMatch(
      /^held until the clock was proven: time .*60\.0 s ahead/,
    );
    void ahead(time.nowMs + 60_000);
    expect(agent.status().ledger).toMatchObject({ held: 0, rejected: { future: 2 } });
  });

  it("refuses none of its right sensors where its clock is so little behind that a witness agrees", async () => {
    const { agent, time, central, temperature } = await behind({ offsetMs: -47_000 });
    void temperature(20, time.nowMs);
    await time.run(10_000);
    expect(agent.status().ledger).toMatchObject({ held: 1, aggregated: 0 });
    central.isReachable = true;
    await time.run(10_000);
    expect(agent.status().clock.isProven).toBe(true);
    const watermarkMs = agent.status().watermarkMs ?? 0;
    void temperature(21, time.nowMs);
    await time.run(10_000);
    expect(agent.status().ledger).toMatchObject({ held: 0, aggregated: 2, rejected: { future: 0 } });
    expect(agent.status().watermarkMs).toBeGreaterThan(watermarkMs);
  });

  it("believes no sensor because a witness comes between what it sent and the disk", async () => {
    const { agent, time, wall, central, publish } = await behind({ heldReadingsMax: 100_000 });
    wall.offsetMs = 0;
    await time.run(5_000);
    central.isReachable = true;
    let sent = 0;
    let pending = 0;
    for (; sent < 30_000 && !agent.status().clock.isProven; sent += 1) {
      ({ pending } = agent.status().ledger);
      const ts = time.nowMs + 600_000;
      void publish("factory/alpha/m2/temperature", JSON.stringify({ t: 20, ts }), false, false, 0);
      await time.run(1);
    }
    await time.run(10_000);
    const { ledger, watermarkMs } = agent.status();
    expect(pending).toBeGreaterThan(0);
    expect(ledger).toMatchObject({ received: sent, held: 0, aggregated: 0, rejected: { future: sent } });
    expect(watermarkMs ?? 0).toBeLessThan(time.nowMs);
  });

  it("acts on a crossing at once, and raises no second alarm when the reading is taken in", async () => {
    const { agent, time, wall, central, commands, publish, temperature } = await behind();
    void temperature(90, time.nowMs);
    void publish("factory/alpha/m2/temperature", JSON.stringify({ t: 95, ts: time.nowMs }), true);
    expect(commands).toMatchObject([{ topic: "factory/alpha/m1/command" }]);
    await time.run(1_000);
    void temperature(70, time.nowMs);
    await time.run(1_000);
    wall.offsetMs = 0;
    central.isReachable = true;
    await time.run(60_000);
    expect(agent.status().ledger).toMatchObject({ held: 0, aggregated: 3 });
    expect(commands).toHaveLength(1);
    expect(new Set(alarmsOf(central).map(({ id }) => id)).size).toBe(2);
  });

  it.each(["a crash", "an orderly stop"])(
    "shows the rules nothing again after %s that follows the taking in",
    async (end) => {
      const first = await behind();
      const { time, wall, temperature } = first;
      void temperature(90, time.nowMs);
      await time.run(1_000);
      void temperature(70, time.nowMs);
      await time.run(7_000);
      first.agent.resetAlarms("all", "test");
      await time.run(1_000);
      const { alarms } = first.agent.status();
      wall.offsetMs = 0;
      await time.runUntil(() => first.agent.status().ledger.held === 0, 1_000);
      await time.run(100);
      expect(first.agent.status().ledger).toMatchObject({ held: 0, aggregated: 2 });
      if (!(first.store instanceof MemoryStore)) throw new Error("another store");
      if (end === "an orderly stop") await time.during(first.agent.stop(1_000));
      const store = end === "a crash" ? first.store.crash() : new MemoryStore({}, first.store.snapshot());
      const second = await bench({ store, startMs: time.nowMs });
      second.agent.start();
      await second.time.run(10_000);
      expect(second.agent.status().alarms).toEqual(alarms);
      expect(new Set(alarmsOf(second.central).map(({ id }) => id)).size).toBe(1);
      expect(second.commands).toEqual([]);
    },
  );

  it("counts once what its sensor sends twice, while it is held and when it has been taken in", async () => {
    const { agent, time, wall, store, temperature } = await behind();
    const timeMs = time.nowMs;
    for (const _ of [1, 2]) void temperature(20, timeMs);
    await time.run(1_000);
    expect(agent.status().ledger).toMatchObject({ received: 2, held: 1, duplicate: 1 });
    const image = store instanceof MemoryStore ? store.snapshot() : undefined;
    const again = await behind({ store: new MemoryStore({}, image), startMs: time.nowMs });
    void again.temperature(20, timeMs);
    expect(again.agent.status().ledger).toMatchObject({ received: 3, held: 1, duplicate: 2 });
    wall.offsetMs = 0;
    await time.run(1_000);
    void temperature(20, timeMs);
    expect(agent.status().ledger).toMatchObject({ received: 3, held: 0, aggregated: 1, duplicate: 2 });
  });

  it("loses and doubles none of them, wherever in their taking in it crashes", async () => {
    const ends = new Set<string>();
    for (let crashAtMs = 0; crashAtMs < 400; crashAtMs += 7) {
      let delay = () => Promise.resolve();
      const random = new SeededRandom(crashAtMs);
      const first = await behind({ store: new MemoryStore({ random, delay: () => delay() }) });
      for (let number = 0; number < 20; number += 1) {
        void first.temperature(20 + number, first.time.nowMs);
        await first.time.run(60);
      }
      await first.time.run(100);
      expect(first.agent.status().ledger).toMatchObject({ held: 20, pending: 0 });
      delay = () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        first.time.after(30, resolve);
        return promise;
      };
      first.wall.offsetMs = 0;
      await first.time.run(crashAtMs);
      const before = first.agent.status().ledger;
      if (!(first.store instanceof MemoryStore)) throw new Error("another store");
      delay = () => Promise.resolve();
      const store = first.store.crash({ tornTail: true });
      const second = await bench({ store, startMs: first.time.nowMs });
      const { ledger } = second.agent.status();
      expect([ledger.held + ledger.aggregated, unbooked(second.agent.status())]).toEqual([20, 0]);
      ends.add(`${before.held} ${ledger.held}`);
      second.central.clockMs = () => Math.floor(second.time.nowMs);
      second.agent.start();
      await second.time.run(60_000);
      expect(second.agent.status().ledger).toMatchObject({
        received: 20,
        held: 0,
        aggregated: 20,
        damaged: 0,
      });
      second.central.acknowledge();
      await second.time.run(10_000);
      expect(sum([...countsOf(second.central.batches).values()])).toBe(20);
    }
    // Before they were judged, before that was durable, and after.
    expect(ends).toEqual(new Set(["20 20", "0 20", "0 0"]));
  });

  it("has half of the room left for the others when one sensor's clock is ahead; beyond it is rejected", async () => {
    const options = { heldReadingsMax: 100, seriesPerMetricMax: 10 };
    const { agent, time, commands, publish, temperature } = await behind(options);
    const send = (machine: string, count: number) => {
      for (let number = 0; number < count; number += 1)
        void publish(
          `factory/alpha/${machine}/temperature`,
          JSON.stringify({ t: 1, ts: time.nowMs + number }),
        );
    };
    send("m1", 1_000);
    expect(agent.status().ledger).toMatchObject({ held: 50, rejected: { future: 950 } });
    send("m2", 1_000);
    expect(agent.status().ledger).toMatchObject({ held: 75 });
    send("m3", 5);
    expect(agent.status().ledger).toMatchObject({ held: 80 });
    void temperature(90, time.nowMs + 5_000);
    expect(agent.status().ledger).toMatchObject({ held: 80 });
    expect(commands).toHaveLength(1);
    await time.run(1_000);
    expect(unbooked(agent.status())).toBe(0);
  });

  it("holds nothing of a metric whose pipeline goes meanwhile: it is rejected as of an unknown topic", async () => {
    const { agent, time, wall, temperature } = await behind();
    void temperature(20, time.nowMs);
    await time.run(1_000);
    const without = PIPELINE.replace(/ {2}temperature:[^]*?live: true\n/, "")
      .replace(/ {2}temperature_10s.*\n/, "")
      .replace(/rules:[^]*/, "");
    void agent.changePipeline(loadPipeline("/pipeline.yaml", { readFile: () => without }).config);
    wall.offsetMs = 0;
    await time.run(2_000);
    const status = agent.status();
    expect(status.ledger).toMatchObject({ held: 0, rejected: { unknown_topic: 1 } });
    expect(unbooked(status)).toBe(0);
    // What it was is known all the same.
    const [{ topic, head }] = status.quarantine;
    expect(topic).toBe("temperature");
    expect(JSON.parse(Buffer.from(head, "base64").toString())).toMatchObject({
      metric: "temperature",
      labels: { machine: "m1" },
    });
    expect(status.series).toEqual({});
  });

  it("lets no frontier pass what was held before that is in a batch", async () => {
    let delay = () => Promise.resolve();
    const store = new MemoryStore({ delay: () => delay() });
    const { time, wall, central, publish, temperature } = await behind({ store, seriesPerMetricMax: 10 });
    central.isReachable = true;
    const paneMs = time.nowMs - (time.nowMs % 10_000);
    void temperature(20, time.nowMs);
    await time.run(60_000);
    delay = () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      time.after(1_500, resolve);
      return promise;
    };
    wall.offsetMs = 0;
    for (let second = 0; second < 60; second += 1) {
      await time.run(1_000);
      void publish("factory/alpha/m2/temperature", JSON.stringify({ t: 20, ts: time.nowMs }));
    }
    const holder = central.batches.find((batch) => countsOf([batch]).has(paneMs));
    const passing = central.heartbeats.filter(
      ({ frontier }) =>
        (frontier.watermarkMs ?? 0) >= paneMs + 10_000 &&
        !frontier.pending.some(({ startMs, endMs }) => startMs < paneMs + 10_000 && paneMs < endMs),
    );
    expect(passing.length).toBeGreaterThan(10);
    for (const { frontier } of passing)
      expect(frontier.holds.live).toBeGreaterThanOrEqual(holder?.sequence ?? Infinity);
  });

  it("over Kafka judges what an earlier life has held by its clock at the start, and promises on beside one wrong sensor", async () => {
    const first = await behind({ isKafka: true });
    const send = (to: typeof first, machine: string, timeMs: number) =>
      to.publish(`factory/alpha/${machine}/temperature`, JSON.stringify({ t: 20, ts: timeMs }));
    void send(first, "m1", first.time.nowMs);
    void send(first, "m2", first.time.nowMs + 60_000);
    await first.time.run(1_000);
    expect(first.agent.status().ledger.held).toBe(2);
    const second = await bench({ store: first.store, startMs: first.time.nowMs, isKafka: true });
    second.central.clockMs = () => 0;
    second.agent.start();
    await second.time.run(5_000);
    expect(second.agent.status().ledger).toMatchObject({ held: 1, aggregated: 1 });
    // The other's time is past by now.
    await second.time.run(120_000);
    void send(second, "m1", second.time.nowMs);
    await second.time.run(5_000);
    expect(second.central.heartbeats.at(-1)?.frontier.pending).toEqual([]);
  });

  it("takes ten thousands of them in by turns, with room left in the panes", async () => {
    const { agent, time, wall, store, publish } = await behind({ heldReadingsMax: 1_000_000 });
    const fromMs = time.nowMs;
    for (let number = 0; number < 30_000; number += 1) {
      const timeMs = fromMs + number;
      void publish("factory/alpha/m1/temperature", JSON.stringify({ t: 20, ts: timeMs }), false, false, 0);
      if (number % 1_000 === 0) await time.run(1_000);
    }
    await time.run(1_000);
    expect(agent.status().ledger).toMatchObject({ held: 30_000, pending: 0 });
    wall.offsetMs = 0;
    await time.run(5_000);
    expect(agent.status().ledger).toMatchObject({ held: 0, aggregated: 30_000 });
    for await (const { value } of store.range(prefixRange(PREFIX.redo)))
      expect(parseRedoEntry(value)?.rowCount).toBeLessThanOrEqual(4_096);
  });

  it("tells what damage of the store has taken of them", async () => {
    const first = await behind();
    void first.temperature(20, first.time.nowMs);
    await first.time.run(1_000);
    const { agent, time, store, temperature } = await behind({
      store: first.store,
      startMs: first.time.nowMs,
    });
    void temperature(21, time.nowMs);
    await time.run(1_000);
    expect(agent.status().ledger.held).toBe(2);
    if (!(store instanceof MemoryStore)) throw new Error("another store");
    const image = new MemoryStore({}, store.snapshot());
    image.damage(numberKey(PREFIX.held, 1), (value) => value.fill(0));
    const second = await bench({ store: image, startMs: time.nowMs });
    second.central.clockMs = () => Math.floor(second.time.nowMs);
    second.agent.start();
    await second.time.run(5_000);
    const status = second.agent.status();
    expect(status.ledger).toMatchObject({ held: 0, aggregated: 2, damaged: 1 });
    expect(unbooked(status)).toBe(0);
    expect(second.central.batches.map(({ kind }) => kind)).toContain("skipped");
  });
});
