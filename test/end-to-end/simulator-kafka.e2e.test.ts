// The simulator's records into real Apache Kafka, while the broker goes away and the simulator is killed: each is there, and
// what the topics hold is what the truth says.
import { expect, test } from "vitest";
import { readTruth } from "../../simulator/src/truth/read-truth.ts";
import { FLAT_DAY } from "./flat-day.ts";
import { startOneKafka } from "./one-kafka.ts";
import { createTopic, topicRecords } from "./topic-records.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const PLAN = `version: 1
seed: 12
business:
  windows: [1s]
  orders: { perSecond: 400, ${FLAT_DAY}, regions: { 北京: 3, 上海: 2 }, payment: { declined: 0.1 } }
  appOpens: { users: 200000, ${FLAT_DAY} }
`;

interface Order {
  readonly order_id: string;
  readonly time: number;
  readonly amount: number;
  readonly region: string;
  readonly payment: string;
}

test(
  "orders of a run that is killed, to a broker that is away, are in Kafka as its truth has them",
  { timeout: 480_000 },
  async (context) => {
    const works = new Works();
    const server = await startOneKafka(works);
    if (server === undefined) return context.skip("needs Java, Maven and the Kafka jars");
    for (const stream of ["orders", "refunds", "app-opens"])
      await createTopic(server.address, `shop.${stream}`, 3);
    const truth = works.path("truth.jsonl");
    const flags = ["--kafka", server.address, "--topic-prefix", "shop.", "--for", "25s"];
    const plan = works.write("plan.yaml", PLAN);
    const args = ["run", "--plan", plan, "--truth", truth, ...flags];
    const simulator = works.process("simulator", "simulator/src/main.ts", args);
    const acked = async (): Promise<number> => {
      let records = 0;
      for await (const line of readTruth(truth)) if (line.type === "records-acked") records = line.records;
      return records;
    };
    simulator.start();
    await until("records are acknowledged", async () => (await acked()) > 1_000);
    await simulator.kill();
    simulator.start();
    const before = await acked();
    await until("it goes on", async () => (await acked()) > before + 500);
    const saidBefore = simulator.log.length;
    const said = () => simulator.log.slice(saidBefore).match(/Kafka is (away|back)/g) ?? [];
    await server.kill();
    await until("it says so", () => said().length > 0);
    await server.start();
    expect(await simulator.exit()).toBe(0);
    // Not for each try; and a broker that begins may go away once more.
    expect(said()).toEqual(["Kafka is away", "Kafka is back"]);

    const records = await topicRecords(server.address, "shop.orders");
    const orders = new Map<string, Order>();
    for (const { key, value } of records) {
      const order: Order & { readonly user: string } = JSON.parse(Buffer.from(value).toString());
      expect(key).toBe(order.user);
      orders.set(order.order_id, order);
    }
    console.log(`${records.length} records, ${records.length - orders.size} of them repeated`);
    let count = 0;
    for await (const line of readTruth(truth)) {
      if (line.type !== "orders-window") continue;
      const within = [...orders.values()].filter(({ time }) => time >= line.start && time < line.end);
      count += within.length;
      const ofRegion = (region: string): number => within.filter((order) => order.region === region).length;
      expect({
        count: within.length,
        sum: within.reduce((sum, { amount }) => sum + Math.round(amount * 100), 0) / 100,
        failed: within.filter(({ payment }) => payment === "failed").length,
        北京: ofRegion("北京"),
      }).toEqual({
        count: line.count,
        sum: line.sum,
        failed: line.failed,
        北京: line.byRegion["北京"].count,
      });
    }
    expect(count).toBe(orders.size);
    expect(count).toBeGreaterThan(5_000);
  },
);

const SENSORS = (address: string): string => `version: 1
seed: 5
readingsPerSecond: 20
sites:
  alpha: { kafka: { brokers: ["${address}"], topic: plant, key: machine }, lines: 2, machinesPerLine: 5 }
signals: { temperature: {}, vibration: { format: senml }, pressure: { format: influx } }
delivery: { duplicates: { probability: 0.02, within: 1s } }
`;

test(
  "readings go to Kafka through a broker that dies: all are there, by machine, in order; of one that stays away the truth tells",
  { timeout: 240_000 },
  async (context) => {
    const works = new Works();
    const server = await startOneKafka(works);
    if (server === undefined) return context.skip("needs Java, Maven and the Kafka jars");
    await createTopic(server.address, "plant", 3);
    const truth = works.path("truth.jsonl");
    const plan = works.write("plan.yaml", SENSORS(server.address));
    const args = ["run", "--plan", plan, "--truth", truth];
    const main = "simulator/src/main.ts";
    const simulator = works.process("simulator", main, [...args, "--for", "20s", "--drain", "60s"]);
    const lines = async (type: string) => {
      const found = [];
      for await (const line of readTruth(truth)) if (line.type === type) found.push(line);
      return found;
    };
    simulator.start();
    await until("readings are acknowledged", async () => (await lines("acked")).length > 3, 30_000);
    await server.kill();
    await until("it says so", () => simulator.log.includes(`Kafka at ${server.address} is away`), 30_000);
    await server.start();
    expect(await simulator.exit(120_000)).toBe(0);
    expect(simulator.log).toContain(`Kafka at ${server.address} is back`);
    // A broker that has just come back does not know its groups at once.
    const records = await until("it can be read", () => topicRecords(server.address, "plant"), 60_000);
    const found = new Map<string, Set<number>>();
    for (const { key, value, headers } of records) {
      const topic = headers["topic"] ?? "";
      const [, site, line, machine, level] = topic.split("/");
      expect(key).toBe(`${site}/${line}/${machine}`);
      if (level !== "temperature") continue;
      const { temperature, ts }: { readonly temperature: number; readonly ts: number } = JSON.parse(
        Buffer.from(value).toString(),
      );
      const series = `${site}/${line}/${machine} ${ts} ${temperature}`;
      found.set(series, new Set([...(found.get(series) ?? []), ts]));
    }
    let count = 0;
    for await (const line of readTruth(truth)) {
      if (line.type !== "reading" || line.metric !== "temperature") continue;
      count += 1;
      const { site, machine, time, value } = line;
      expect(found.has(`${site}/${line.line}/${machine} ${time} ${value}`)).toBe(true);
    }
    expect(count).toBe(found.size);
    expect(count).toBeGreaterThan(3_000);
    expect(await lines("unacked")).toEqual([]);
    await server.kill();
    const before = (await lines("reading")).length;
    const alone = works.process("alone", main, [...args, "--for", "2s", "--drain", "1s"]);
    alone.start();
    expect(await alone.exit(60_000)).toBe(1);
    const made = (await lines("reading")).length - before;
    expect(made).toBeGreaterThan(500);
    expect(await lines("unacked")).toHaveLength(made);
  },
);
