import { CrashingStore } from "../../central/src/crashing-store.test-support.ts";
import { KafkaRecordSource } from "../../central/src/records/kafka-record-source.ts";
import { openCentral } from "../../central/src/records/open-central.test-support.ts";
import { AMOUNT, ORDERS } from "../../central/src/records/staged-records.test-support.ts";
import { silentLogger, systemClock } from "@millrace/runtime";
import { expect, onTestFinished, test } from "vitest";
import type { KafkaWorks } from "./kafka-works.ts";
import { LogTopic } from "./log-topic.ts";
import { until } from "./until.ts";

const MINUTE = 60_000;
const WINDOW = {
  name: "amount_1m",
  metric: "amount",
  kind: "aligned",
  sizeMs: MINUTE,
  slideMs: MINUTE,
  offsetMs: 0,
  latenessMs: 60 * MINUTE,
  by: [],
} as const;
const SKIPPED = "needs Java, Maven and the Kafka jars";

/** A topic of records, where its broker's part in it matters. */
export function kafkaRecordCases(broker: () => KafkaWorks | undefined): void {
  const cases: Record<string, (topic: LogTopic, works: KafkaWorks) => Promise<void>> = {
    "a topic that is made anew while central is away is read from its start, and told": tellsRemade,
    "a topic that is made anew while central runs is read from its start, and told": tellsRemadeUnderWay,
    "a broker that hangs holds up no stop": stopsBesideHungBroker,
  };
  for (const [name, play] of Object.entries(cases))
    test(name, { timeout: 120_000 }, async ({ skip }) => {
      const works = broker();
      if (works === undefined) return skip(SKIPPED);
      await play(await LogTopic.make(works), works);
    });
}

/** Central, reading the topic. */
async function start(topic: LogTopic, store = new CrashingStore()) {
  const connection = { brokers: [], topic: topic.topic, clientId: "c", group: null, tls: null, sasl: null };
  const central = await openCentral({
    agents: [],
    pipeline: { metrics: [AMOUNT], windows: [WINDOW] },
    records: [{ ...ORDERS, kafka: connection }],
    store,
    clock: systemClock,
  });
  const source = new KafkaRecordSource({
    stream: "orders",
    topic: topic.topic,
    group: topic.topic,
    client: topic.client,
    target: central,
    buffers: { add: () => {} },
    clock: systemClock,
    log: silentLogger,
  });
  source.start();
  const stop = async (): Promise<CrashingStore> => {
    await source.close();
    await central.close();
    return new CrashingStore(store.snapshot());
  };
  onTestFinished(async () => void (await stop()));
  return {
    stop,
    source,
    has: (totals: Readonly<Record<string, number>>) => () => {
      expect(central.recordStreams()[0].totals).toMatchObject(totals);
      return true;
    },
    told: () => central.alarms().map(({ message }) => message),
  };
}

/** Orders of ids from here to there, in partition 1. */
function send(topic: LogTopic, from: number, to: number): Promise<void> {
  const t = systemClock.nowMs();
  const orders = Array.from({ length: to - from }, (_, at) => ({
    id: from + at,
    t,
    region: "北京",
    amount: 1,
  }));
  return topic.send(orders.map((order) => ({ key: null, value: JSON.stringify(order), partition: 1 })));
}

const ANEW =
  "the topic was made anew: partition orders/1 is read from offset 0 on; what it held before from offset 10 on was not read, and is gone";

async function tellsRemade(topic: LogTopic): Promise<void> {
  await send(topic, 0, 10);
  const first = await start(topic);
  await until("all are in", first.has({ received: 10, aggregated: 10 }));
  const store = await first.stop();
  await topic.delete();
  await topic.create({});
  // More than the one before held, some of them the same.
  await send(topic, 5, 40);
  const second = await start(topic, store);
  await until("all of it is in", second.has({ received: 45, aggregated: 40, duplicates: 5, lost: 0 }));
  expect(second.told()).toEqual([ANEW]);
  expect(second.source.view.remadeCount).toBe(1);
  const third = await start(topic, await second.stop());
  await send(topic, 40, 45);
  await until("it goes on", third.has({ received: 50, aggregated: 45 }));
  expect(third.source.view.remadeCount).toBe(0);
}

async function tellsRemadeUnderWay(topic: LogTopic): Promise<void> {
  await send(topic, 0, 10);
  const central = await start(topic);
  await until("all are in", central.has({ received: 10, aggregated: 10 }));
  await topic.delete();
  await topic.create({});
  await send(topic, 5, 40);
  await until("all of it is in", central.has({ received: 45, aggregated: 40, duplicates: 5, lost: 0 }));
  expect(central.told()).toEqual([ANEW]);
}

async function stopsBesideHungBroker(topic: LogTopic, { server }: KafkaWorks): Promise<void> {
  await send(topic, 0, 10);
  const central = await start(topic);
  await until("all are in", central.has({ received: 10 }));
  server.pause();
  onTestFinished(() => server.resume());
  const startMs = systemClock.monotonicMs();
  await central.source.close();
  // Central's stop gives its sources five seconds.
  expect(systemClock.monotonicMs() - startMs).toBeLessThan(4_500);
}
