// A bank from the simulator through a real Kafka into the real central, which is killed in the middle: an alarm for each ring that
// pays ten strangers and for nobody else, with the ten as evidence, in the API and in the topic of alarms.
import { readFileSync } from "node:fs";
import path from "node:path";
import { PlatformaticClient } from "@millrace/kafka";
import { expect, test } from "vitest";
import { z } from "zod";
import { readTruth } from "../../simulator/src/truth/read-truth.ts";
import { CentralHarness } from "./central-harness.ts";
import { startOneKafka } from "./one-kafka.ts";
import { expectRecords } from "./simulated-orders.ts";
import { createTopic, topicRecords } from "./topic-records.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const PIPELINE = path.resolve(import.meta.dirname, "../../pipelines/transfers.yaml");
const PLAN = `version: 1
seed: 19
business:
  zone: Asia/Shanghai
  time: iso
  windows: [10s]
  delivery:
    lateness: { distribution: lognormal, median: 50ms, max: 3s }
    reorder: { probability: 0.02, by: 2s }
    duplicates: { probability: 0.03, within: 5s }
  transfers:
    perSecond: 200
    accounts: 2000
    circle: [3, 16]
    history: true
    strangers: 0.01
    alarm: { strangers: 10, within: 5m }
    rings:
      - { at: 3s, every: 5s, payees: 10, within: 4s }
      - { at: 2s, every: 11s, account: 471, payees: 14, within: 9s }
      # Near misses.
      - { at: 4s, every: 7s, payees: 9, within: 6s }
      - { at: 1s, every: 6s, payees: 10, within: 5s, to: known }
`;

test(
  "rings that pay ten strangers raise an alarm each, through kill -9 of central; near misses and known payees none",
  { timeout: 480_000 },
  async ({ skip }) => {
    const works = new Works();
    const broker = await startOneKafka(works);
    if (broker === undefined) return skip("needs Java, Maven and the Kafka jars");
    const brokers = [broker.address];
    await createTopic(broker.address, "transfers", 4);
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: PIPELINE,
      agents: [],
      config: {
        records: { transfers: { kafka: { brokers, topic: "transfers" }, dedupe: { horizon: "15m" } } },
        sinks: { kafka: { brokers } },
      },
    });
    await central.start();
    const rulesOf = async () => {
      const answer = await central.client.get(
        "/api/v1/records",
        z.object({ streams: z.array(z.object({ rules: z.array(z.object({ known: z.number() })) })) }),
      );
      return answer.streams[0].rules[0];
    };

    const [folder, plan] = [works.path("records"), works.write("plan.yaml", PLAN)];
    const startMs = Math.ceil(Date.now() / 1_000) * 1_000 - 40_000;
    const run = ["run", "--plan", plan, "--start", String(startMs)];
    const place = ["--truth", works.path("history-truth.jsonl"), "--offline", "--into", folder];
    const offline = works.process("history", "simulator/src/main.ts", [...run, ...place, "--for", "1s"]);
    offline.start();
    expect(await offline.exit()).toBe(0);
    const history = readFileSync(`${folder}/transfers-history.jsonl`, "utf8").trimEnd().split("\n");
    const client = new PlatformaticClient({ brokers, clientId: "bank", tls: null, sasl: null });
    const producer = client.producer();
    works.atEnd(() => producer.close());
    await producer.connect(["transfers"]);
    for (let from = 0; from < history.length; from += 5_000)
      await producer.send(
        history.slice(from, from + 5_000).map((line) => {
          const { from: account }: { from: string } = JSON.parse(line);
          return { topic: "transfers", key: account, value: new TextEncoder().encode(line) };
        }),
      );
    await until("the history is known", async () => (await rulesOf()).known === history.length, 60_000);

    const truthPath = works.path("truth.jsonl");
    const way = ["--truth", truthPath, "--kafka", broker.address, "--for", "40s", "--speed", "3"];
    const simulator = works.process("simulator", "simulator/src/main.ts", [...run, ...way]);
    simulator.start();
    await until("alarms come", async () => (await central.alarms()).length > 2, 60_000);
    await central.process.kill();
    await central.start();
    expect(await simulator.exit()).toBe(0);

    const { records } = await expectRecords(central, truthPath);
    expect(records?.windows.map(({ window, right }) => [window, right > 0])).toEqual([
      ["transfers_1m", true],
    ]);
    const [alarms] = records?.alarms ?? [];
    expect(alarms).toMatchObject({ rule: "pays_strangers", missed: 0, wrong: 0 });
    let [raised, near] = [0, 0];
    for await (const line of readTruth(truthPath)) {
      if (line.type === "fraud") raised += 1;
      if (line.type === "ring" && !line.hasAlarm) near += 1;
    }
    expect(raised).toBeGreaterThan(6);
    expect(near).toBeGreaterThan(6);
    expect(alarms.right).toBe(raised);

    await until("all is in the topic", async () =>
      (await central.sinks()).every(({ state, waiting }) => state === "up" && waiting === 0),
    );
    const written = new Map<string, { readonly step: number; readonly evidence: unknown }>();
    for (const { value } of await topicRecords(broker.address, "millrace.alarms.v1")) {
      const alarm: { id: string; step: number; evidence: unknown } = JSON.parse(
        Buffer.from(value).toString(),
      );
      if (alarm.step >= (written.get(alarm.id)?.step ?? 0)) written.set(alarm.id, alarm);
    }
    for (const { id, step, evidence } of await central.alarms())
      expect(written.get(id)).toMatchObject({ step, evidence });
    expect(await central.process.stop()).toBe(0);
  },
);
