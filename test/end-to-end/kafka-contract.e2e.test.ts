// What Millrace relies on of a Kafka client, against real brokers of both versions, by both adapters.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type KafkaBatch,
  type KafkaClient,
  type KafkaConnection,
  type KafkaConsumer,
  type KafkaConsumerOptions,
  kafkajsClient,
  type KafkaSentRecord,
  PlatformaticClient,
} from "@millrace/kafka";
import { Admin, Producer } from "@platformatic/kafka";
import * as kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { KAFKA_VERSIONS } from "../../scripts/stack/kafka-server.ts";
import { kafkaLogCases } from "./kafka-log-cases.ts";
import { kafkaRecordCases } from "./kafka-record-cases.ts";
import { KafkaWorks } from "./kafka-works.ts";
import { until } from "./until.ts";

const ADAPTERS = {
  platformatic: (connection: KafkaConnection): KafkaClient => new PlatformaticClient(connection),
  bulk: (connection: KafkaConnection): KafkaClient => {
    const client = new PlatformaticClient(connection);
    return {
      producer: (options) => client.bulkProducer(options),
      consumer: (options) => client.consumer(options),
      admin: () => client.admin(),
    };
  },
  kafkajs: (connection: KafkaConnection): KafkaClient => kafkajsClient(kafkajs, connection),
};
/** Central and the agent use the first; the others meet an older Kafka in the long run only. */
const isLong = process.env["MILLRACE_LONG"] === "1";
const adaptersOn = (version: string): readonly (keyof typeof ADAPTERS)[] =>
  isLong || version === KAFKA_VERSIONS[0] ? ["platformatic", "bulk", "kafkajs"] : ["platformatic"];
const SKIPPED = "needs Java, Maven and the Kafka jars";
/** So long a busy machine may keep a client from its heartbeats. */
const SESSION_MS = 10_000;

describe.each(KAFKA_VERSIONS)("Kafka %s", (version) => {
  let works: KafkaWorks | undefined;
  beforeAll(async () => {
    works = await KafkaWorks.start(version);
  }, 300_000);
  afterAll(() => works?.end());

  describe("as central's log", () => {
    kafkaLogCases(() => works);
  });

  describe("as a topic of records", () => {
    kafkaRecordCases(() => works);
  });

  describe.each(adaptersOn(version))("%s", (adapter) => {
    let number = 0;

    function place(broker: KafkaWorks) {
      number += 1;
      const name = `${adapter}-${number}`;
      const plain = { brokers: [broker.server.address], clientId: name, tls: null, sasl: null };
      const client = ADAPTERS[adapter](plain);
      const producer = client.producer();
      const admin = client.admin();
      onTestFinished(() => Promise.all([producer.close(), admin.close()]).then(() => undefined));
      return {
        topic: name,
        client,
        producer,
        admin,
        make: async (partitions: number, settings: Record<string, string> = {}) => {
          expect(await admin.createTopic({ topic: name, partitions, replicas: 1, settings })).toBe(true);
          await until("the topic is known", async () => (await admin.describeTopic(name)) !== null);
          await producer.connect([name]);
        },
        consumer: (options: Partial<KafkaConsumerOptions> = {}) => {
          const consumer = client.consumer({
            group: name,
            topics: [name],
            from: "start",
            sessionMs: SESSION_MS,
            ...options,
          });
          onTestFinished(() => consumer.close());
          return consumer;
        },
        send: (records: readonly Omit<KafkaSentRecord, "topic">[]) =>
          producer.send(records.map((record) => ({ ...record, topic: name }))),
      };
    }

    test(
      "records of a partition come in order, with key, value, time and headers; tombstones, empty values and 1 MB too",
      { timeout: 240_000 },
      async ({ skip }) => {
        if (works === undefined) return skip(SKIPPED);
        const { make, send, consumer } = place(works);
        await make(3, { "max.message.bytes": "2097152" });
        const large = Buffer.alloc(1_048_576, "x");
        await send([
          {
            key: "北京",
            value: text("a"),
            headers: { type: "batch", 名: "值" },
            timestampMs: 1_700_000_000_123,
          },
          { key: "北京", value: null },
          { key: "北京", value: text("") },
          { key: "北京", value: large },
          { key: null, value: text("no key") },
        ]);
        await send(
          Array.from({ length: 1_000 }, (_, index) => ({ key: `k${index % 7}`, value: text(`${index}`) })),
        );
        const records = (await take(consumer(), 1_005)).flatMap(({ partition, records: of }) =>
          of.map((record) => ({ partition, ...record })),
        );
        const first = records.filter(({ key }) => key !== null && textOf(key) === "北京");
        expect(first.map(({ value }) => (value === null ? null : value.length))).toEqual([
          1,
          null,
          0,
          1_048_576,
        ]);
        expect(first[0].timestampMs).toBe(1_700_000_000_123);
        expect(first[0].headers.map(([name, value]) => [name, textOf(value)])).toEqual([
          ["type", "batch"],
          ["名", "值"],
        ]);
        expect(records.filter(({ key }) => key === null).map(({ value }) => textOf(value))).toEqual([
          "no key",
        ]);
        for (let key = 0; key < 7; key += 1) {
          const of = records.filter((record) => textOf(record.key) === `k${key}`);
          expect(of.map(({ value }) => Number(textOf(value)))).toEqual(
            every(1_000).filter((n) => n % 7 === key),
          );
          expect(new Set(of.map(({ partition }) => partition)).size).toBe(1);
        }
      },
    );

    test("keys go to the partitions that Java's clients choose", { timeout: 240_000 }, async ({ skip }) => {
      if (works === undefined) return skip(SKIPPED);
      const { make, send, consumer } = place(works);
      await make(13);
      // Of Kafka's own test of its hash (UtilsTest.testMurmur2).
      const hashes = {
        "21": -973_932_308,
        foobar: -790_332_482,
        "a-little-bit-long-string": -985_981_536,
        "a-little-bit-longer-string": -1_486_304_829,
        abc: 479_470_107,
      };
      await send(Object.keys(hashes).map((key) => ({ key, value: text("v") })));
      const reader = consumer();
      const partitions: Record<string, number> = {};
      while (Object.keys(partitions).length < 5)
        for (const { partition, records } of await take(reader, 1))
          partitions[textOf(records[0].key)] = partition;
      expect(partitions).toEqual(
        Object.fromEntries(Object.entries(hashes).map(([key, hash]) => [key, (hash & 0x7fffffff) % 13])),
      );
    });

    if (adapter === "bulk")
      test("more than a batch may hold goes in several, in order", { timeout: 240_000 }, async ({ skip }) => {
        if (works === undefined) return skip(SKIPPED);
        const { make, send, consumer } = place(works);
        await make(1);
        const count = 12_000;
        await send(every(count).map((index) => ({ key: "k", value: `${index} ${"北".repeat(100)}` })));
        const records = (await take(consumer(), count)).flatMap(({ records: of }) => of);
        expect(records.map(({ value }) => parseInt(textOf(value), 10))).toEqual(every(count));
      });

    test("an empty topic gives nothing until something comes", { timeout: 240_000 }, async ({ skip }) => {
      if (works === undefined) return skip(SKIPPED);
      const { topic, make, send, consumer, admin } = place(works);
      await make(2, { "cleanup.policy": "compact,delete", "retention.ms": "60000" });
      expect(await admin.topicSettings(topic)).toMatchObject({
        "cleanup.policy": "compact,delete",
        "retention.ms": "60000",
      });
      expect(await admin.topicSettings(`${topic}-none`)).toBeNull();
      expect(await admin.describeTopic(topic)).toMatchObject({
        partitions: 2,
        replicas: 1,
        replicasInSync: 1,
      });
      expect(await admin.describeTopic(`${topic}-none`)).toBeNull();
      expect(await admin.createTopic({ topic, partitions: 2, replicas: 1 })).toBe(false);
      const reader = consumer();
      const next = reader.next();
      await until("it has its partitions", async () => reader.assigned.length === 2);
      expect((await reader.ranges()).toSorted((a, b) => a.partition - b.partition)).toEqual([
        { topic, partition: 0, startOffset: 0, endOffset: 0 },
        { topic, partition: 1, startOffset: 0, endOffset: 0 },
      ]);
      await send([{ key: "k", value: text("first"), partition: 1 }]);
      const batch = await next;
      expect(batch).toMatchObject({ topic, partition: 1, nextOffset: 1, endOffset: 1 });
      const ending = reader.next();
      await reader.close();
      expect(await ending).toBeNull();
    });

    test(
      "what was not committed comes again after a crash, from the committed offset",
      { timeout: 240_000 },
      async ({ skip }) => {
        if (works === undefined) return skip(SKIPPED);
        const { topic, make, send, consumer } = place(works);
        await make(1);
        await send(every(100).map((index) => ({ key: "k", value: text(`${index}`) })));
        const script = join(import.meta.dirname, "kafka-reader-process.ts");
        const doomed = spawn(process.execPath, [script, adapter, works.server.address, topic, topic, "100"]);
        onTestFinished(() => void doomed.kill("SIGKILL"));
        await once(doomed.stdout, "data");
        doomed.kill("SIGKILL");
        await once(doomed, "exit");
        const [first] = await take(consumer(), 50);
        expect(first.records[0].offset).toBe(50);
      },
    );

    test(
      "begins where it is told to, seeks, and holds partitions back",
      { timeout: 240_000 },
      async ({ skip }) => {
        if (works === undefined) return skip(SKIPPED);
        const { topic, make, send, consumer } = place(works);
        await make(2);
        for (const partition of [0, 1])
          await send(every(20).map((index) => ({ key: null, value: text(`${index}`), partition })));
        const reader = consumer({
          positions: (assigned) => Promise.resolve(assigned.map((of) => ({ ...of, offset: 10 }))),
        });
        expect(offsetsOf(await take(reader, 20), 0)).toEqual(every(20).slice(10));
        reader.seek({ topic, partition: 1, offset: 5 });
        expect(offsetsOf(await take(reader, 15), 1)).toEqual(every(20).slice(5));
        reader.pause([{ topic, partition: 0 }]);
        for (const partition of [0, 1]) await send([{ key: null, value: text("20"), partition }]);
        expect((await take(reader, 1)).map(({ partition }) => partition)).toEqual([1]);
        reader.resume([{ topic, partition: 0 }]);
        expect((await take(reader, 1)).map(({ partition }) => partition)).toEqual([0]);
        await reader.commit([{ topic, partition: 0, offset: 21 }]);
        await reader.close();
        expect(offsetsOf(await take(consumer(), 21), 0)).toEqual([]);
      },
    );

    // kafkajs goes on by itself, and does not tell.
    if (adapter === "platformatic")
      test(
        "what is gone before it was read, and a place that never was, are told: it goes on with the first record there is",
        { timeout: 240_000 },
        async ({ skip }) => {
          if (works === undefined) return skip(SKIPPED);
          const { topic, make, send, consumer } = place(works);
          await make(1);
          await send(every(20).map((index) => ({ key: null, value: text(`${index}`), partition: 0 })));
          const skipped: unknown[] = [];
          const reader = consumer({ onSkipped: (skip) => skipped.push(skip) });
          await take(reader, 20);
          const admin = new Admin({ clientId: topic, bootstrapBrokers: [works.server.address] });
          await admin.deleteRecords({
            topics: [{ name: topic, partitions: [{ partition: 0, offset: 12n }] }],
          });
          await admin.close();
          reader.seek({ topic, partition: 0, offset: 3 });
          expect(offsetsOf(await take(reader, 8), 0)).toEqual(every(20).slice(12));
          reader.seek({ topic, partition: 0, offset: 1_000 });
          expect(offsetsOf(await take(reader, 8), 0)).toEqual(every(20).slice(12));
          expect(skipped).toEqual([
            { topic, partition: 0, offset: 3, nextOffset: 12 },
            { topic, partition: 0, offset: 1_000, nextOffset: 12 },
          ]);
        },
      );

    // kafkajs asks for the end of what may be read.
    if (adapter === "platformatic")
      test(
        "behind an open transaction nothing is given, and the partition is not at its end; once it is given up, what is behind it comes",
        { timeout: 240_000 },
        async ({ skip }) => {
          if (works === undefined) return skip(SKIPPED);
          const { topic, make, send, consumer } = place(works);
          await make(1);
          const sendPlain = (value: string) => send([{ key: "k", value: text(value), partition: 0 }]);
          const transactional = new Producer({
            clientId: topic,
            bootstrapBrokers: [works.server.address],
            transactionalId: topic,
            idempotent: true,
            retries: 5,
          });
          onTestFinished(() => transactional.close());
          await sendPlain("before");
          const transaction = await transactional.beginTransaction();
          const open = { topic, partition: 0, key: Buffer.from("k"), value: Buffer.from("given up") };
          await transaction.send({ messages: [open] });
          await sendPlain("behind");
          const reader = consumer();
          const [first] = await take(reader, 1);
          expect(first).toMatchObject({ nextOffset: 1, endOffset: 3 });
          expect(await reader.ranges()).toEqual([{ topic, partition: 0, startOffset: 0, endOffset: 3 }]);
          await transaction.abort();
          const batches = await take(reader, 1);
          expect(batches.flatMap(({ records }) => records.map(({ value }) => textOf(value)))).toEqual([
            "behind",
          ]);
          await sendPlain("last");
          const [last] = await take(reader, 1);
          expect(last.nextOffset).toBe(last.endOffset);
        },
      );

    test("a producer says within a moment that it waits: for a topic that is not there, for brokers that are away", async ({
      skip,
    }) => {
      if (works === undefined) return skip(SKIPPED);
      const { client, topic } = place(works);
      const nobody = { brokers: ["127.0.0.1:1"], clientId: topic, tls: null, sasl: null };
      for (const asked of [client, ADAPTERS[adapter](nobody)]) {
        const troubles: string[] = [];
        const producer = asked.producer({ onTrouble: (reason) => troubles.push(reason) });
        const record = { topic: `no-${topic}`, key: "k", value: text("v") };
        const sending = producer.send([record]).catch((error: unknown) => error);
        await until("it says so", async () => troubles.length > 0, 20_000);
        await producer.close();
        expect(await sending).toBeInstanceOf(Error);
      }
    });

    test(
      "through kill -9 of the broker nothing is lost and nothing reordered; producer and consumer wait and go on",
      { timeout: 300_000 },
      async ({ skip }) => {
        if (works === undefined) return skip(SKIPPED);
        const { make, send, consumer } = place(works);
        await make(3);
        const troubles: string[] = [];
        const reader = consumer({ onTrouble: (reason) => troubles.push(reason) });
        const total = 6_000;
        const seen = new Set<string>();
        const lastOf = new Map<number, number>();
        let repeated = 0;
        const read = (async () => {
          while (seen.size < total) {
            const batch = await reader.next();
            if (batch === null) break;
            for (const { key, value } of batch.records) {
              const record = `${textOf(key)} ${textOf(value)}`;
              if (seen.has(record)) repeated += 1;
              else {
                expect(Number(textOf(value))).toBeGreaterThan(lastOf.get(batch.partition) ?? -1);
                lastOf.set(batch.partition, Number(textOf(value)));
              }
              seen.add(record);
            }
          }
        })();
        let sent = 0;
        const sending = (async () => {
          for (; sent < total; sent += 100)
            await send(every(100).map((index) => ({ key: `k${index % 5}`, value: text(`${sent + index}`) })));
        })();
        await until("a third is sent", async () => sent > total / 3);
        await works.server.kill();
        await until("the consumer has noticed", async () => troubles.length > 0);
        await works.server.start();
        await sending;
        await read;
        expect(seen.size).toBe(total);
        console.log(`${adapter}, Kafka ${version}: ${repeated} of ${total} records came twice`);
      },
    );

    test("who does not ask holds the broker back, not memory", { timeout: 300_000 }, async ({ skip }) => {
      if (works === undefined) return skip(SKIPPED);
      const { make, send, consumer } = place(works);
      await make(2);
      const value = Buffer.alloc(512 * 1024);
      for (let index = 0; index < 96; index += 1) await send([{ key: null, value, partition: index % 2 }]);
      const reader = consumer({ fetchBytesMax: 2 * 1024 * 1024 });
      const beforeBytes = heldBytes();
      let heldMax = 0;
      for (let read = 0; read < 96;) {
        const batch = await reader.next();
        read += batch?.records.length ?? 0;
        heldMax = Math.max(heldMax, heldBytes() - beforeBytes);
      }
      expect(heldMax).toBeLessThan(24 * 1024 * 1024);
    });

    test(
      "two of a group share the partitions; one that leaves gives its own back",
      { timeout: 240_000 },
      async ({ skip }) => {
        if (works === undefined) return skip(SKIPPED);
        const { make, send, consumer } = place(works);
        await make(4);
        const revoked: number[] = [];
        const one = consumer({ onRevoked: (partitions) => void revoked.push(partitions.length) });
        await until("the first has all", async () => one.assigned.length === 4);
        const two = consumer();
        const got: KafkaBatch[] = [];
        const reading = [one, two].map(async (reader) => {
          for (let batch = await reader.next(); batch !== null; batch = await reader.next()) got.push(batch);
        });
        await until("each has half", async () => one.assigned.length === 2 && two.assigned.length === 2);
        expect(revoked.length).toBeGreaterThan(0);
        for (const partition of every(4)) await send([{ key: null, value: text("a"), partition }]);
        await until(
          "all four are read",
          async () => new Set(got.map(({ partition }) => partition)).size === 4,
        );
        await two.close();
        await until("the first has all again", async () => one.assigned.length === 4);
        got.length = 0;
        for (const partition of every(4)) await send([{ key: null, value: text("b"), partition }]);
        await until(
          "all four are read by it",
          async () => valuesOf(got).filter((value) => value === "b").length >= 4,
        );
        await one.close();
        await Promise.all(reading);
      },
    );

    test(
      "each who reads alone has all partitions, whoever else does",
      { timeout: 240_000 },
      async ({ skip }) => {
        if (works === undefined) return skip(SKIPPED);
        const { topic, make, send, consumer } = place(works);
        await make(2);
        for (const partition of [0, 1]) await send([{ key: null, value: text(`${partition}`), partition }]);
        for (let reader = 0; reader < 2; reader += 1) {
          const alone = consumer({ group: null });
          expect(valuesOf(await take(alone, 2)).sort()).toEqual(["0", "1"]);
          await alone.commit([{ topic, partition: 0, offset: 1 }]);
        }
      },
    );

    test("a partition that is added is read, from its start", { timeout: 240_000 }, async ({ skip }) => {
      if (works === undefined) return skip(SKIPPED);
      const { topic, make, send, consumer, admin } = place(works);
      await make(1);
      await send([{ key: null, value: text("a"), partition: 0 }]);
      const reader = consumer({ partitionsEveryMs: 500 });
      const got: KafkaBatch[] = [];
      const reading = (async () => {
        for (let batch = await reader.next(); batch !== null; batch = await reader.next()) got.push(batch);
      })();
      await until("the first is read", async () => got.length > 0);
      await admin.addPartitions(topic, 2);
      await until("it is there", async () => (await admin.describeTopic(topic))?.partitions === 2);
      // A client that knows one partition only sends there what is meant for the second: another one knows both.
      const producer = ADAPTERS[adapter](plainOf(works)).producer();
      onTestFinished(() => producer.close());
      await producer.connect([topic]);
      await producer.send([{ topic, key: null, value: text("b"), partition: 1 }]);
      await until("the second is read", async () => got.some(({ partition }) => partition === 1));
      expect(valuesOf(got.filter(({ partition }) => partition === 1))).toEqual(["b"]);
      await reader.close();
      await reading;
    });

    test.for(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const)(
      "with TLS and a login by %s; a wrong password and a strange authority are refused",
      { timeout: 240_000 },
      async (mechanism, { skip }) => {
        if (works === undefined) return skip(SKIPPED);
        const { topic, make, send } = place(works);
        await make(1);
        await send([{ key: "k", value: text("a") }]);
        const { address, username, password, authority } = works.guarded;
        const withLogin = (given: string, ca: string | null) =>
          ADAPTERS[adapter]({
            brokers: [address],
            clientId: topic,
            tls: { ca, cert: null, key: null },
            sasl: { mechanism, username, password: given },
          });
        const reader = withLogin(password, authority).consumer({
          group: topic,
          topics: [topic],
          from: "start",
        });
        onTestFinished(() => reader.close());
        expect(valuesOf(await take(reader, 1))).toEqual(["a"]);
        for (const [given, ca] of [["wrong", authority] as const, [password, null] as const]) {
          const producer = withLogin(given, ca).producer();
          await expect(producer.connect([topic])).rejects.toThrow(
            given === "wrong" ? /refuses the login|authentication/i : /certificate|failed/i,
          );
          await producer.close();
        }
      },
    );
  });
});

function plainOf({ server }: KafkaWorks): KafkaConnection {
  return { brokers: [server.address], clientId: "other", tls: null, sasl: null };
}

/** Batches until so many records have come. */
async function take(consumer: KafkaConsumer, count: number): Promise<KafkaBatch[]> {
  const batches: KafkaBatch[] = [];
  for (let taken = 0; taken < count;) {
    const batch = await consumer.next();
    if (batch === null) throw new Error("the consumer was closed");
    batches.push(batch);
    taken += batch.records.length;
  }
  return batches;
}

function offsetsOf(batches: readonly KafkaBatch[], partition: number): number[] {
  return batches
    .filter((batch) => batch.partition === partition)
    .flatMap(({ records }) => records.map(({ offset }) => offset));
}

function valuesOf(batches: readonly KafkaBatch[]): string[] {
  return batches.flatMap(({ records }) => records.map(({ value }) => textOf(value)));
}

function text(value: string): Uint8Array {
  return Buffer.from(value);
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? "" : Buffer.from(bytes).toString();
}

function every(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Memory outside the heap that is still in use: what was fetched. */
function heldBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}
