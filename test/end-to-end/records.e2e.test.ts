// Orders through the real central, over HTTP and from a real Kafka, killed in the middle of it: its windows are the simulator's truth.
import path from "node:path";
import { PlatformaticClient } from "@millrace/kafka";
import { SeededRandom } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { RecordStreamView } from "../../central/src/records/record-stream-view.ts";
import { KAFKA_VERSIONS } from "../../scripts/stack/kafka-server.ts";
import { CentralHarness } from "./central-harness.ts";
import { KafkaWorks } from "./kafka-works.ts";
import { expectRecords, simulatedOrders, windowsOf } from "./simulated-orders.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const PIPELINE = path.resolve(import.meta.dirname, "../../pipelines/orders.yaml");

const ORDER_WINDOWS = ["orders_1m", "orders_by_category_1m", "payments_1m", "payments_by_category_1m"];

async function streamOf(central: CentralHarness): Promise<RecordStreamView> {
  const answer = await fetch(`http://127.0.0.1:${central.httpPort}/api/v1/records`);
  const { streams }: { streams: RecordStreamView[] } = JSON.parse(await answer.text());
  return streams[0];
}

function expectSum({ totals }: RecordStreamView): void {
  const { received, aggregated, duplicates, setAside, tooLate, noEffect, rejected } = totals;
  const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  expect(received).toBe(aggregated + duplicates + setAside + tooLate + noEffect + refused);
}

test(
  "orders that are posted, with kill -9 in the middle, count once each",
  { timeout: 300_000 },
  async () => {
    const works = new Works();
    const orders = await simulatedOrders(works, "6m");
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: PIPELINE,
      agents: [],
      config: { records: { orders: { http: {} } } },
    });
    await central.start();
    const random = new SeededRandom(7);
    const post = (lines: readonly string[]) =>
      fetch(`http://127.0.0.1:${central.httpPort}/api/v1/records/orders`, {
        method: "POST",
        body: lines.join("\n"),
      }).then(
        ({ status }) => status,
        () => 0,
      );
    let killsLeft = 3;
    for (let from = 0; from < orders.lines.length; from += 700) {
      const lines = [...orders.lines.slice(from, from + 700), "no order"];
      const isKilled = killsLeft > 0 && random.next() < 0.2;
      for (;;) {
        const posting = post(lines);
        if (isKilled && killsLeft > 0 && central.process.isRunning) {
          killsLeft -= 1;
          await new Promise((resolve) => setTimeout(resolve, random.next() * 20));
          await central.process.kill();
          await posting;
          await central.start();
          continue;
        }
        if ((await posting) === 200) break;
      }
      if (random.next() < 0.1) expect(await post(lines)).toBe(200);
    }
    const stream = await streamOf(central);
    expectSum(stream);
    expect(stream.totals).toMatchObject({
      aggregated: orders.lines.length,
      altered: 0,
      setAside: 0,
      tooLate: 0,
    });
    // One in each post, and in what was posted again.
    expect(stream.totals.rejected.malformed).toBeGreaterThanOrEqual(Math.ceil(orders.lines.length / 700));
    await until("all minutes but the last are complete", async () => {
      const windows = await windowsOf(central, "orders_1m");
      const last = Math.max(...windows.map(({ startMs }) => startMs));
      return windows.every(({ startMs, state }) => startMs === last || state === "complete");
    });
    const { records } = await expectRecords(central, orders.truthPath);
    expect(records?.windows.map(({ window }) => window)).toEqual(ORDER_WINDOWS);
    expect(await central.process.stop()).toBe(0);
  },
);

test(
  "orders of a Kafka topic, each twice, with kill -9 of central and of the broker",
  { timeout: 360_000 },
  async ({ skip }) => {
    const works = new Works();
    const broker = await KafkaWorks.start(KAFKA_VERSIONS[0]);
    if (broker === undefined) return skip("needs Java, Maven and the Kafka jars");
    works.atEnd(() => broker.end());
    const orders = await simulatedOrders(works, "6m");
    const connection = { brokers: [broker.server.address], clientId: "shop", tls: null, sasl: null };
    const client = new PlatformaticClient(connection);
    const [admin, producer] = [client.admin(), client.producer()];
    works.atEnd(() => Promise.all([admin.close(), producer.close()]));
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: PIPELINE,
      agents: [],
      config: { records: { orders: { kafka: { brokers: connection.brokers, topic: "orders" } } } },
    });
    await central.start();
    await until(
      "it waits for the topic",
      async () => (await streamOf(central)).reading?.state === "no_topic",
    );
    await admin.createTopic({ topic: "orders", partitions: 4, replicas: 1 });
    await until("the topic is known", async () => (await admin.describeTopic("orders")) !== null);
    await producer.connect(["orders"]);
    const encoder = new TextEncoder();
    const send = (lines: readonly string[], shift: number) =>
      producer.send(
        lines.map((line, at) => ({
          topic: "orders",
          key: null,
          value: encoder.encode(line),
          partition: (at + shift) % 4,
        })),
      );
    const chunks = Array.from({ length: Math.ceil(orders.lines.length / 2_000) }, (_, at) =>
      orders.lines.slice(at * 2_000, at * 2_000 + 2_000),
    );
    for (const [number, lines] of chunks.entries()) {
      await send(lines, 0);
      // The same once more, in other partitions; and what is no order.
      await send([...lines, "no order"], 1);
      if (number === 2 || number === chunks.length - 2) {
        await central.process.kill();
        await central.start();
      }
      if (number === Math.floor(chunks.length / 2)) {
        await broker.server.kill();
        await broker.server.start();
      }
    }
    const total = 2 * orders.lines.length + chunks.length;
    const stream = await until(
      "all is read",
      async () => {
        const view = await streamOf(central);
        return view.totals.received >= total && view;
      },
      60_000,
    );
    expectSum(stream);
    expect(stream.totals).toMatchObject({
      received: total,
      aggregated: orders.lines.length,
      duplicates: orders.lines.length,
      rejected: { malformed: chunks.length },
      lost: 0,
    });
    await expectRecords(central, orders.truthPath);
    const [window] = await windowsOf(central, "orders_1m");
    expect(window.completeness).toMatchObject({ agentsExpected: 4, agentsReporting: 4 });
    expect(await central.process.stop()).toBe(0);
  },
);
