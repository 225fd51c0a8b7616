// What the producer that writes batches itself does about answers of brokers. The library is a script here; with real brokers
// it runs in test/end-to-end/kafka-contract.e2e.test.ts.
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import type * as library from "@platformatic/kafka";
import { beforeEach, expect, test, vi } from "vitest";
import { BulkProducer } from "./bulk-producer.ts";

interface Sent {
  readonly producerId: bigint;
  readonly places: readonly { readonly partition: number; readonly firstSequence: number | null }[];
}

const broker = vi.hoisted(() => ({
  sent: [] as Sent[],
  /** Error code by partition, of each request in turn; 0 beyond. */
  codes: [] as Readonly<Record<number, number>>[],
  producerCount: 0n,
}));

vi.mock("@platformatic/kafka", async (original) => {
  const real = await original<typeof library>();
  const { EventEmitter } = await import("node:events");
  class Producer extends EventEmitter {
    readonly connections = new EventEmitter();

    async metadata({ topics }: { readonly topics: readonly string[] }) {
      if (topics.some((topic) => topic !== "t"))
        throw new real.UserError(`Unknown topic ${topics[topics.length - 1]}.`);
      return {
        topics: new Map([["t", { partitionsCount: 2, partitions: [{ leader: 1 }, { leader: 1 }] }]]),
      };
    }

    async initIdempotentProducer() {
      broker.producerCount += 1n;
      return { producerId: broker.producerCount, producerEpoch: 0 };
    }

    async connectToBrokers() {
      return new Map([[1, { isConnected: () => true }]]);
    }

    async close() {}
  }
  const async = async (_connection: unknown, request: Request) => {
    const codes = broker.codes[broker.sent.length] ?? {};
    broker.sent.push({
      producerId: request.info.producerId,
      places: request.batches.map(({ partition, firstSequence }) => ({ partition, firstSequence })),
    });
    const partitionResponses = request.batches.map(({ partition }) => ({
      index: partition,
      errorCode: codes[partition] ?? 0,
    }));
    const response = { responses: [{ name: "t", partitionResponses }] };
    const refused = partitionResponses.filter(({ errorCode }) => errorCode !== 0);
    if (refused.length === 0) return response;
    const errors = refused.map(({ index, errorCode }) => [`/${index}`, [errorCode, null]]);
    throw new real.ResponseError(0, 11, Object.fromEntries(errors), response);
  };
  return { ...real, Producer, createAPI: () => ({ async }) };
});

interface Request {
  readonly info: { readonly producerId: bigint };
  readonly batches: Sent["places"];
}

beforeEach(() => {
  broker.sent.length = 0;
  broker.producerCount = 0n;
});

async function sending() {
  const time = new SimulatedTime(0);
  const world = { clock: time.clock(), random: new SeededRandom(1) };
  const producer = new BulkProducer({ brokers: ["k:1"], clientId: "c", tls: null, sasl: null }, {}, world);
  const send = async () => {
    const records = [0, 1].map((partition) => ({ topic: "t", key: null, value: "v", partition }));
    let outcome = "waits";
    void producer.send(records).then(
      () => (outcome = "sent"),
      (error: Error) => (outcome = error.message),
    );
    await time.run(10_000);
    return outcome;
  };
  return { send };
}

test.each([
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", 45],
  ["UNKNOWN_PRODUCER_ID", 59],
])("a broker that knows the producer no more (%s): what is left goes out as another's", async (_, code) => {
  broker.codes = [{}, { 1: code }];
  const { send } = await sending();
  expect([await send(), await send()]).toEqual(["sent", "sent"]);
  expect(broker.sent).toEqual([
    {
      producerId: 1n,
      places: [
        { partition: 0, firstSequence: 0 },
        { partition: 1, firstSequence: 0 },
      ],
    },
    {
      producerId: 1n,
      places: [
        { partition: 0, firstSequence: 1 },
        { partition: 1, firstSequence: 1 },
      ],
    },
    { producerId: 2n, places: [{ partition: 1, firstSequence: 0 }] },
  ]);
});

test("what no waiting mends rejects at once, beside a lost place too", async () => {
  broker.codes = [{ 0: 10, 1: 45 }];
  const { send } = await sending();
  expect(await send()).toMatch(/larger than/);
});

test("of several topics only those that are not there are named", async () => {
  const world = { clock: new SimulatedTime(0).clock(), random: new SeededRandom(1) };
  const producer = new BulkProducer({ brokers: ["k:1"], clientId: "c", tls: null, sasl: null }, {}, world);
  await expect(producer.connect(["refunds", "t"])).rejects.toThrow("Kafka has no topic refunds; create it");
  await expect(producer.connect(["t", "u", "v"])).rejects.toThrow("Kafka has no topic u, v; create it");
  await expect(producer.connect(["t"])).resolves.toBeUndefined();
  await producer.close();
});
