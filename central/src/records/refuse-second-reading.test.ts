// A stream that gets another name would read its topic from the start, into windows that have its records.
import type { PipelineMetric, RecordStreamConfig } from "@millrace/config";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { ageLeft } from "../left/age-left.test-support.ts";
import { openCentral } from "./open-central.test-support.ts";
import { AMOUNT, AMOUNT_1M, bytesOf, KAFKA_ORDERS } from "./staged-records.test-support.ts";

const NOW = 1_700_000_040_000;

async function storeWithOrders(): Promise<CrashingStore> {
  const store = new CrashingStore();
  const time = new SimulatedTime(NOW);
  const pipeline = { metrics: [AMOUNT], windows: [AMOUNT_1M] };
  const central = await openCentral({
    agents: [],
    pipeline,
    records: [KAFKA_ORDERS],
    store,
    clock: time.clock(),
  });
  const values = [bytesOf({ id: 1, t: NOW, region: "北京", amount: 1 })];
  const taken = central.offerRecords("orders", {
    partition: 0,
    values,
    offsets: [0],
    nextOffset: 1,
    isAtEnd: true,
  });
  await time.run(300);
  expect(await taken).toMatchObject({ taken: 1 });
  const closed = central.close();
  await time.run(300);
  await closed;
  return new CrashingStore(store.snapshot());
}

/** The metric as the stream of this name has it. */
function ofStream(stream: string, name = "amount"): PipelineMetric {
  if (AMOUNT.source.kind !== "records") throw new Error("a metric of records");
  return { ...AMOUNT, name, stream, source: { ...AMOUNT.source, stream } };
}

async function reopen(
  metric: PipelineMetric,
  streams: readonly RecordStreamConfig[],
  given: CrashingStore | null = null,
) {
  const store = given ?? (await storeWithOrders());
  const pipeline = { metrics: [metric], windows: [{ ...AMOUNT_1M, metric: metric.name }] };
  const clock = new SimulatedTime(NOW).clock();
  return openCentral({ agents: [], pipeline, records: streams, store, clock });
}

const SALES: RecordStreamConfig = { ...KAFKA_ORDERS, name: "sales" };

test("a stream of another name that would count a topic once more is refused, and the one before named", async () => {
  await expect(reopen(ofStream("sales"), [SALES])).rejects.toMatchObject({
    code: "records_again",
    message: expect.stringMatching(
      /stream sales would read topic orders .* amount already, as stream orders/,
    ),
  });
  await expect(reopen(ofStream("sales"), [KAFKA_ORDERS, SALES])).rejects.toMatchObject({
    code: "records_again",
  });
});

test("so it is where the panes were cleared since: history and sinks may still have what they said", async () => {
  const store = await storeWithOrders();
  const run = async () => {
    const time = new SimulatedTime(NOW);
    const pipeline = { metrics: [], windows: [] };
    const central = await openCentral({ agents: [], pipeline, records: [], store, clock: time.clock() });
    await time.run(3_000);
    expect(central.counts.leftNames === 0).toBe(central.counts.clearedKeys > 0);
    const closed = central.close();
    await time.run(300);
    await closed;
  };
  await run();
  await ageLeft(store);
  await run();
  await expect(reopen(ofStream("sales"), [SALES], store)).rejects.toMatchObject({ code: "records_again" });
  await reopen(ofStream("sales", "sales_amount"), [SALES], store);
  await reopen(ofStream("orders"), [KAFKA_ORDERS], store);
});

test("into metrics of other names, from another topic, or posted, it is a stream as any other", async () => {
  await reopen(ofStream("sales", "sales_amount"), [SALES]);
  await reopen(ofStream("sales"), [{ ...SALES, kafka: { ...KAFKA_ORDERS.kafka, topic: "sales" } }]);
  await reopen(ofStream("sales"), [{ ...SALES, kafka: null }]);
  await reopen(ofStream("orders"), [KAFKA_ORDERS]);
});
