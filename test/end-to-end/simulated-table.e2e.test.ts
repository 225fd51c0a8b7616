// A table that the simulator changes, as Debezium's events through real Kafka into the shipped pipeline, with kill -9 of central and of
// the simulator in the middle: windows say what the rows say in the end, and every change is accounted for.
import path from "node:path";
import { expect, test } from "vitest";
import { readTruth } from "../../simulator/src/truth/read-truth.ts";
import { CentralHarness } from "./central-harness.ts";
import { FLAT_DAY } from "./flat-day.ts";
import { startOneKafka } from "./one-kafka.ts";
import { expectRecords } from "./simulated-orders.ts";
import { createTopic } from "./topic-records.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const PIPELINE = path.resolve(import.meta.dirname, "../../pipelines/orders-table.yaml");
const PLAN = `version: 1
seed: 77
business:
  windows: [1m]
  debezium: { snapshot: 2m }
  orders:
    perSecond: 30
    ${FLAT_DAY}
    regions: { 北京: 3, 上海: 2 }
    payment: { perSecond: 40, declined: 0.1, retry: { share: 0.5, after: 5s } }
    refundDelay: { median: 1m }
    categories: { phones: { median: 2999, refunds: 0.3 }, food: { weight: 3, median: 58 } }
`;
const TOPIC = "shop.public.orders";

test(
  "a table's changes through Kafka: central says what its rows say in the end",
  { timeout: 300_000 },
  async (context) => {
    const works = new Works();
    const server = await startOneKafka(works);
    if (server === undefined) return context.skip("needs Java, Maven and the Kafka jars");
    await createTopic(server.address, TOPIC, 3);
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: PIPELINE,
      agents: [],
      config: {
        records: {
          orders: {
            kafka: { brokers: [server.address], topic: TOPIC },
            debezium: { decimals: { amount: 2 } },
            outOfOrderness: "5s",
          },
        },
      },
    });
    await central.start();
    const truthPath = works.path("truth.jsonl");
    const what = ["run", "--plan", works.write("plan.yaml", PLAN), "--truth", truthPath];
    const way = ["--for", "6m", "--speed", "15", "--kafka", server.address, "--streams", "orders"];
    const simulator = works.process("simulator", "simulator/src/main.ts", [...what, ...way]);
    const acked = async (): Promise<number> => {
      let records = 0;
      for await (const line of readTruth(truthPath)) if (line.type === "records-acked") ({ records } = line);
      return records;
    };
    simulator.start();
    await until("changes come", async () => (await acked()) > 6_000, 60_000);
    await central.process.kill();
    await central.start();
    await simulator.kill();
    simulator.start();
    expect(await simulator.exit(180_000)).toBe(0);
    const { records } = await expectRecords(central, truthPath);
    expect(records?.windows.map(({ window }) => window)).toEqual([
      "orders_1m",
      "orders_by_category_1m",
      "payments_1m",
    ]);
    expect(records?.windows.every(({ right, unsure }) => right > 10 && unsure === 0)).toBe(true);
    expect(records?.unjudged).toEqual([]);
    const ledger = new Map(records?.ledger.map(({ count, found }) => [count, found]));
    expect(ledger.get("aggregated")).toBeGreaterThan(10_000);
    expect(ledger.get("without effect")).toBeGreaterThan(20);
    expect(await central.process.stop()).toBe(0);
  },
);
