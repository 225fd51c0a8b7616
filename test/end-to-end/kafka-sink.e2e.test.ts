// The Kafka sink against a real Kafka: whatever happens to broker and central, no old revision follows a newer one, and the latest of each key is the truth.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PlatformaticClient } from "@millrace/kafka";
import { MemoryLogger, systemClock, systemRandom } from "@millrace/runtime";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import { SeededRandom } from "@millrace/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { openKafkaSink } from "../../central/src/sinks/kafka/open-kafka-sink.ts";
import { SinkRunner } from "../../central/src/sinks/sink-runner.ts";
import { WindowStream } from "../../central/src/sinks/window-stream.ts";
import { KafkaWorks } from "./kafka-works.ts";
import { topicRecords } from "./topic-records.ts";
import { until } from "./until.ts";

const SKIPPED = "needs Java, Maven and the Kafka jars";
const MINUTE_MS = 60_000;
const REGIONS = ["北京", "上海", "广州", "深圳"];
const SEED = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 1e9));
const ORDERS: WindowSpec = {
  name: "orders_1m",
  metric: "orders",
  kind: "aligned",
  sizeMs: MINUTE_MS,
  slideMs: MINUTE_MS,
  offsetMs: 0,
  by: ["region"],
  latenessMs: 7 * 86_400_000,
};
const SCHEMA = z.fromJSONSchema(
  JSON.parse(readFileSync(join(import.meta.dirname, "../../docs/schema/millrace.windows.v1.json"), "utf8")),
);

interface Read {
  readonly group: { readonly region: string };
  readonly startMs: number;
  readonly generation: number;
  readonly revision: number;
  readonly values: { readonly count: number };
}

let works: KafkaWorks | undefined;
beforeAll(async () => {
  works = await KafkaWorks.start("4.2.0");
}, 300_000);
afterAll(() => works?.end());

/** Central as the sink sees it, through several starts: its history, its mark. */
class Plant {
  readonly history = new Map<string, WindowResult>();
  readonly log = new MemoryLogger();
  readonly topic: string;
  readonly #broker: string;
  readonly #random = new SeededRandom(SEED, "revisions");
  readonly #startMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 60 * MINUTE_MS;
  #changedAtMs = this.#startMs;
  #markMs: number | null = null;
  #generation = 0;
  runner: SinkRunner<WindowResult>;

  constructor(broker: string, topic: string) {
    this.#broker = broker;
    this.topic = topic;
    this.runner = this.begin();
    onTestFinished(() => this.runner.stop());
  }

  /** A start of central. */
  begin(): SinkRunner<WindowResult> {
    this.#generation += 1;
    const { windows } = openKafkaSink({
      config: {
        connection: { brokers: [this.#broker], clientId: this.topic, tls: null, sasl: null },
        windows: null,
        hasProvisional: true,
        hasAlarms: false,
        windowsTopic: this.topic,
        alarmsTopic: "unused",
        partitions: 4,
        replicas: null,
        retentionMs: 86_400_000,
      },
      generation: this.#generation,
      log: this.log,
    });
    this.runner = new SinkRunner({
      target: windows,
      stream: new WindowStream({
        windows: [ORDERS],
        hasProvisional: true,
        readHistory: async ({ cursor, limit }) => {
          const all = [...this.history.values()];
          const from = Number(cursor ?? 0);
          return {
            windows: all.slice(from, from + limit),
            cursor: from + limit < all.length ? String(from + limit) : null,
          };
        },
      }),
      mark: {
        read: async () => this.#markMs,
        write: async (markMs) => {
          this.#markMs = markMs;
        },
      },
      retentionMs: 86_400_000,
      clock: systemClock,
      random: systemRandom,
      log: this.log,
    });
    return this.runner;
  }

  /** The next revision of some window of the last hour; `isOffered` false: central is killed before it tells the sink. */
  revise(isOffered = true): void {
    const region = REGIONS[this.#random.integer(0, REGIONS.length - 1)];
    this.#revise({ region, minute: this.#random.integer(0, 59), missing: ["alpha-1"], isOffered });
  }

  /** That of one window of a region of its own, which lacks these agents. */
  lack(missing: readonly string[]): void {
    this.#revise({ region: "杭州", minute: 0, missing, isOffered: true });
  }

  #revise(made: {
    readonly region: string;
    readonly minute: number;
    readonly missing: readonly string[];
    readonly isOffered: boolean;
  }): void {
    const { region, minute, missing, isOffered } = made;
    const startMs = this.#startMs + minute * MINUTE_MS;
    const key = `${region}:${startMs}`;
    const earlier = this.history.get(key);
    const result: WindowResult = {
      window: "orders_1m",
      metric: "orders",
      group: { region },
      startMs,
      endMs: startMs + MINUTE_MS,
      revision: (earlier?.revision ?? 0) + 1,
      state: "provisional",
      values: { count: (earlier?.values["count"] ?? 0) + this.#random.integer(1, 9) },
      beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
      completeness: {
        agentsExpected: 1,
        agentsReporting: 0,
        agentsMissing: missing,
        sitesExpected: 1,
        sitesReporting: 0,
        sitesMissing: ["alpha"],
      },
      updatedAtMs: (this.#changedAtMs += 1),
    };
    this.history.set(key, result);
    if (isOffered) this.runner.offer([result]);
  }

  async settled(): Promise<void> {
    await until(
      "all is written",
      () => this.runner.view.state === "up" && this.runner.view.waiting === 0,
      60_000,
    );
  }

  /** What the topic holds, each partition in order: as the schema says, never older after newer, the truth at the end. */
  async expectTruth(): Promise<number> {
    await this.settled();
    const records = await topicRecords(this.#broker, this.topic);
    const latest = new Map<string, Read>();
    for (const { key, value } of records) {
      const read: Read = JSON.parse(Buffer.from(value).toString());
      expect(SCHEMA.safeParse(read).error).toBeUndefined();
      const { group, startMs, generation, revision } = read;
      expect(key).toBe(JSON.stringify({ group, startMs, window: "orders_1m" }));
      const before = latest.get(key);
      if (before !== undefined) {
        const isOlder =
          before.generation === generation ? before.revision > revision : before.generation > generation;
        expect(isOlder).toBe(false);
      }
      latest.set(key, read);
    }
    const held = [...latest.values()].map(
      ({ group, startMs, revision, values }) =>
        [`${group.region}:${startMs}`, { revision, count: values.count }] as const,
    );
    const truth = [...this.history].map(
      ([key, { revision, values }]) => [key, { revision, count: values["count"] }] as const,
    );
    expect(Object.fromEntries(held)).toEqual(Object.fromEntries(truth));
    return records.length;
  }
}

test(
  "kill -9 of Kafka in the middle of a stream of revisions, then of central: the truth, in order, and not all of it again",
  { timeout: 360_000 },
  async ({ skip }) => {
    console.log(`MILLRACE_SEED=${SEED}`);
    if (works === undefined) return skip(SKIPPED);
    const { server } = works;
    const plant = new Plant(server.address, "kills");
    plant.runner.start();
    for (let made = 0; made < 4_000; made += 1) {
      plant.revise();
      if (made % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (made === 1_000)
        await until("some of it is written", () => plant.runner.view.outcomes.written > 100);
      if (made === 2_000) await server.kill();
      if (made === 2_100) await until("it has noticed", () => plant.runner.view.code === "kafka_sink");
      if (made === 3_000) await server.start();
    }
    const first = await plant.expectTruth();
    expect(plant.runner.view.rebuilds).toBe(1);
    const admin = new PlatformaticClient({
      brokers: [server.address],
      clientId: "test",
      tls: null,
      sasl: null,
    }).admin();
    onTestFinished(() => admin.close());
    expect(await admin.topicSettings("kills")).toMatchObject({
      "cleanup.policy": "compact,delete",
      "retention.ms": "86400000",
    });
    // The mark is stored within a second; then central is killed with three revisions that it has told nobody.
    await plant.runner.stop();
    for (let made = 0; made < 3; made += 1) plant.revise(false);
    plant.begin().start();
    const second = await plant.expectTruth();
    expect(second - first).toBeGreaterThan(0);
    expect(second - first).toBeLessThan(20);
  },
);

test(
  "a topic that others have made is used as it is, and what is wrong with it is said; one that is deleted is made anew, with everything",
  { timeout: 300_000 },
  async ({ skip }) => {
    if (works === undefined) return skip(SKIPPED);
    const client = new PlatformaticClient({
      brokers: [works.server.address],
      clientId: "test",
      tls: null,
      sasl: null,
    });
    const admin = client.admin();
    onTestFinished(() => admin.close());
    await admin.createTopic({ topic: "theirs", partitions: 2, replicas: 1 });
    await until("the topic is known", async () => (await admin.describeTopic("theirs")) !== null);
    const plant = new Plant(works.server.address, "theirs");
    for (let made = 0; made < 100; made += 1) plant.revise();
    plant.runner.start();
    await plant.expectTruth();
    expect(plant.log.lines.some((line) => JSON.stringify(line).includes("compact,delete"))).toBe(true);
    await works.deleteTopic("theirs");
    plant.revise();
    await until("it is made anew", () => plant.runner.view.rebuilds > 1, 60_000);
    await plant.expectTruth();
    expect((await admin.topicSettings("theirs"))?.["cleanup.policy"]).toBe("compact,delete");
  },
);

test(
  "a window whose record is larger than the topic takes is left out and holds up no other; a revision that fits is there",
  { timeout: 300_000 },
  async ({ skip }) => {
    if (works === undefined) return skip(SKIPPED);
    const plant = new Plant(works.server.address, "large");
    plant.runner.start();
    plant.lack(["alpha-1"]);
    for (let made = 0; made < 50; made += 1) plant.revise();
    await plant.expectTruth();
    plant.lack(
      Array.from({ length: 30_000 }, (_, agent) => `a-gateway-with-a-name-as-long-as-this-${agent}`),
    );
    for (let made = 0; made < 50; made += 1) plant.revise();
    await plant.settled();
    expect(plant.runner.view.outcomes.refused).toBe(1);
    const said = plant.log.lines.filter(({ message }) => message.includes("larger than the topic takes"));
    expect(said).toMatchObject([{ fields: { topic: "large", bytes: expect.any(Number) } }]);
    plant.lack(["beta-1"]);
    await plant.expectTruth();
    expect(plant.runner.view).toMatchObject({ rebuilds: 1, outcomes: { refused: 1 } });
  },
);
