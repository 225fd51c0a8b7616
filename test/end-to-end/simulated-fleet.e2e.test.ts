// Trucks and app users of the ready plans through real Kafka and the shipped pipelines, with kill -9 of central in the middle: every
// window is the truth's, and is in Redis.
import path from "node:path";
import { expect, test } from "vitest";
import { CentralHarness } from "./central-harness.ts";
import { startOneKafka } from "./one-kafka.ts";
import { RedisWorks } from "./redis-works.ts";
import { expectRecords, windowsOf } from "./simulated-orders.ts";
import { createTopic } from "./topic-records.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const root = path.resolve(import.meta.dirname, "../..");
const AFTER_MS = Number.MAX_SAFE_INTEGER;

interface Way {
  readonly pipeline: string;
  readonly plan: string;
  readonly topic: string;
  readonly length: string;
  /** How the shipped central.yaml has it. */
  readonly horizon: string;
  readonly windows: readonly string[];
  readonly rules: readonly string[];
}

const WAYS: readonly Way[] = [
  {
    pipeline: "trucks",
    plan: "fleet",
    topic: "trucks",
    length: "45m",
    horizon: "6h",
    windows: [
      "truck_way_5m",
      "truck_way_1h",
      "truck_speed_5m",
      "truck_delay_5m",
      "truck_zones_5m",
      "zone_trucks_5m",
    ],
    rules: ["truck_speeding", "truck_late", "truck_silent", "truck_at_depot", "truck_off_road"],
  },
  {
    pipeline: "app-users",
    plan: "app-users",
    topic: "app-opens",
    length: "16m",
    horizon: "10m",
    windows: ["users_5m", "users_by_platform_5m"],
    rules: [],
  },
];

test.for(WAYS)(
  "$plan: Kafka, central, API and Redis say what the truth says",
  { timeout: 480_000 },
  async ({ pipeline, plan, topic, length, horizon, windows, rules }, context) => {
    const works = new Works();
    const server = await startOneKafka(works);
    if (server === undefined) return context.skip("needs Java, Maven and the Kafka jars");
    const redis = await RedisWorks.start(works);
    if (redis === undefined) return context.skip("needs redis-server");
    await createTopic(server.address, topic, 3);
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: path.join(root, `pipelines/${pipeline}.yaml`),
      agents: [],
      config: {
        records: { [topic]: { kafka: { brokers: [server.address], topic }, dedupe: { horizon } } },
        sinks: { redis: { url: redis.url, prefix: "sim:{window}" } },
      },
    });
    await central.start();
    const truthPath = works.path("truth.jsonl");
    const what = ["run", "--plan", path.join(root, `simulator/plans/${plan}.yaml`), "--truth", truthPath];
    // Ends at now: older windows would be past Redis's retention.
    const way = ["--for", length, "--speed", "600", "--kafka", server.address];
    const simulator = works.process("simulator", "simulator/src/main.ts", [...what, ...way]);
    simulator.start();
    for (let kills = 0; kills < 2; kills += 1) {
      await until("windows come", async () => (await windowsOf(central, windows[0])).length > 0, 60_000);
      await central.process.kill();
      await central.start();
    }
    expect(await simulator.exit()).toBe(0);
    const { records } = await expectRecords(central, truthPath);
    expect(records?.windows.map(({ window }) => window)).toEqual(windows);
    expect(records?.windows.every(({ right, unsure }) => right > 3 && unsure === 0)).toBe(true);
    expect(records?.unjudged).toEqual([]);
    expect(records?.ruleAlarms.map(({ rule }) => rule).toSorted()).toEqual(rules.toSorted());
    // The plan has a truck that is too fast, one that is silent, one whose device is dead and one that leaves its road.
    if (plan === "fleet")
      expect(records?.ruleAlarms.filter(({ right }) => right > 0).map(({ rule }) => rule)).toEqual(
        expect.arrayContaining(["truck_speeding", "truck_silent", "truck_off_road"]),
      );
    await until("nothing waits for Redis", async () => {
      const [{ state, waiting }] = await central.sinks();
      return state === "up" && waiting === 0;
    });
    const client = redis.client();
    for (const window of windows) {
      const name = window.includes("way") ? "distance" : "distinct";
      for await (const { group, startMs, revision, values } of central.client.windows(window, 0, AFTER_MS)) {
        const region = Object.values(group).join(":") || "all";
        const held = await client.hmget(`sim:${window}:${region}:${startMs}`, "revision", "count", name);
        const { count, [name]: value } = values;
        expect(held).toEqual([String(revision), String(count), value === undefined ? null : String(value)]);
      }
    }
    expect(await central.process.stop()).toBe(0);
  },
);
