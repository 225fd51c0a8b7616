// Agents that write to a Kafka topic, in simulated time: outages, lost answers, crashes, a store that is rolled back or copied.
// Whoever reads the topic, and takes each batch once, has each reading once.
import { MemoryStore } from "@millrace/queue";
import { Metrics, silentLogger } from "@millrace/runtime";
import { readingCountOfRow } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { decodePaneBatch, openBatch, unpackBody } from "@millrace/wire";
import { expect, it } from "vitest";
import { Agent } from "../../edge-agent/src/agent.ts";
import { KafkaUplink } from "../../edge-agent/src/uplink/kafka-uplink.ts";
import type { UplinkRecord } from "../../edge-agent/src/uplink/uplink-record.ts";
import { simulatedAgentConfig, simulatedPipeline } from "./world.ts";

const START_MS = Date.UTC(2026, 0, 5, 8);
const PANE_MS = 10_000;

/** The cluster, and all that it holds. */
class Topic {
  readonly records: UplinkRecord[] = [];
  readonly #time: SimulatedTime;
  readonly #random: SeededRandom;
  isUp = true;
  /** Share of requests that are held, while their answer is lost. */
  lostAnswers = 0;

  constructor(time: SimulatedTime, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
  }

  producer(isAlive: () => boolean) {
    let isOpen = true;
    const after = (delayMs: number) =>
      new Promise<void>((resolve) => void this.#time.after(delayMs, () => isOpen && isAlive() && resolve()));
    return {
      connect: async () => {
        await after(20);
        if (!this.isUp) throw new Error("no broker");
      },
      send: async (records: readonly UplinkRecord[]) => {
        await after(this.#random.integer(1, 30));
        if (!this.isUp) throw new Error("no broker");
        this.records.push(...records);
        await after(this.#random.integer(1, 30));
        if (this.#random.chance(this.lostAnswers)) throw new Error("the answer is lost");
      },
      close: async () => void (isOpen = false),
    };
  }

  /** Readings by the start of their pane, each batch taken once. */
  counts(): Map<number, number> {
    const seen = new Set<string>();
    const counts = new Map<number, number>();
    for (const { headers, value } of this.records) {
      if (headers["type"] !== "batch") continue;
      const key = ["store", "epoch", "lane", "sequence"].map((name) => headers[name]).join(" ");
      if (seen.has(key)) continue;
      seen.add(key);
      const opened = openBatch(value);
      if (!opened.ok) throw new Error(opened.reason);
      if (opened.batch.kind !== "panes") continue;
      const body = unpackBody(opened.batch, undefined);
      const panes = body.ok ? decodePaneBatch(body.body) : body;
      if (!panes.ok) throw new Error(panes.detail);
      for (const { rowCount, startMs, layout, state } of panes.message.sections)
        for (let row = 0; row < rowCount; row += 1) {
          const start = Math.floor(startMs[row] / PANE_MS) * PANE_MS;
          const count = readingCountOfRow(layout, state, row * layout.stride);
          counts.set(start, (counts.get(start) ?? 0) + count);
        }
    }
    return counts;
  }
}

/** A gateway: its disk, and the process on it while there is one. */
class Gateway {
  store = new MemoryStore();
  readonly truth = new Map<number, number>();
  readonly #time: SimulatedTime;
  readonly #topic: Topic;
  readonly #random: SeededRandom;
  #agent: Agent | undefined;
  #life = 0;

  constructor(time: SimulatedTime, topic: Topic, random: SeededRandom) {
    this.#time = time;
    this.#topic = topic;
    this.#random = random;
  }

  async start(store = this.store): Promise<void> {
    this.store = store;
    const life = (this.#life += 1);
    const isAlive = () => life === this.#life;
    const clock = this.#time.clock({ isAlive });
    const config = simulatedAgentConfig("alpha");
    this.#agent = await Agent.open({
      config,
      pipeline: simulatedPipeline(),
      store,
      hasLostCommits: false,
      clock,
      random: this.#random,
      log: silentLogger,
      metrics: new Metrics(),
      compression: { compress: (raw) => raw, decompress: (bytes) => bytes },
      transport: new KafkaUplink({
        agent: config.agent,
        site: config.site,
        topic: "panes",
        producer: () => this.#topic.producer(isAlive),
        clock,
      }),
      instance: this.#random.hex(8),
      program: "test",
      unavailableSensors: () => ({}),
      publish: () => Promise.resolve(),
    });
    this.#agent.start();
  }

  /** `kill -9`, with what of the disk was not synced. */
  crash(): void {
    this.#life += 1;
    this.#agent = undefined;
    this.store = this.store.crash();
  }

  /** A reading ten times a second, each counted in the truth once it is acknowledged. */
  async produce(forMs: number): Promise<void> {
    for (const untilMs = this.#time.nowMs + forMs; this.#time.nowMs < untilMs;) {
      const ts = this.#time.nowMs;
      const payload = new TextEncoder().encode(JSON.stringify({ temperature: 20, ts }));
      const acknowledged = this.#agent?.receive({
        topic: "factory/alpha/l1/m1/temperature",
        payload,
        isRetained: false,
        isOversized: false,
        qos: 1,
        client: "m1",
        arrivedMonotonicMs: ts,
      });
      const start = Math.floor(ts / PANE_MS) * PANE_MS;
      acknowledged?.then(
        () => this.truth.set(start, (this.truth.get(start) ?? 0) + 1),
        () => undefined,
      );
      await this.#time.run(100);
    }
  }
}

function scene(seed: number) {
  const time = new SimulatedTime(START_MS);
  const topic = new Topic(time, new SeededRandom(seed, "topic"));
  const gateway = new Gateway(time, topic, new SeededRandom(seed, "agent"));
  return { time, topic, gateway };
}

it.each([1, 2, 3, 4, 5, 6])(
  "outages, lost answers and crashes lose nothing and double nothing (seed %i)",
  async (seed) => {
    const { time, topic, gateway } = scene(seed);
    const random = new SeededRandom(seed, "faults");
    await gateway.start();
    for (let round = 0; round < 12; round += 1) {
      topic.isUp = random.chance(0.6);
      topic.lostAnswers = random.chance(0.5) ? 0.3 : 0;
      await gateway.produce(random.integer(1_000, 15_000));
      if (!random.chance(0.4)) continue;
      // What was acknowledged at this very moment is in the truth.
      await time.run(50);
      gateway.crash();
      await gateway.start();
    }
    topic.isUp = true;
    topic.lostAnswers = 0;
    await time.run(120_000);
    expect(topic.counts()).toEqual(gateway.truth);
    const batches = topic.records.filter(({ headers }) => headers["type"] === "batch");
    expect(new Set(batches.map(({ headers }) => headers["epoch"])).size).toBeGreaterThan(1);
  },
);

it("a store that is rolled back doubles nothing that it had gathered before, and nothing new is taken for a repetition", async () => {
  const { time, topic, gateway } = scene(7);
  await gateway.start();
  await gateway.produce(20_000);
  topic.isUp = false;
  await gateway.produce(30_000);
  await time.run(20_000);
  const image = gateway.store.snapshot();
  topic.isUp = true;
  await gateway.produce(30_000);
  await time.run(60_000);
  expect(topic.counts()).toEqual(gateway.truth);
  gateway.crash();
  await gateway.start(MemoryStore.restore(image));
  await gateway.produce(30_000);
  await time.run(120_000);
  expect(topic.counts()).toEqual(gateway.truth);
});
