// The Kafka sink over a scripted client: when the topic is made, what goes into one request, and which producer a write goes through.
import { RecordTooLargeError } from "@millrace/kafka";
import type { KafkaAdmin, KafkaClient, KafkaProducer, KafkaSentRecord, NewKafkaTopic } from "@millrace/kafka";
import { MemoryLogger } from "@millrace/runtime";
import { expect, test } from "vitest";
import { KafkaSink } from "./kafka-sink.ts";

/** A cluster of one topic. */
class Cluster {
  topic: NewKafkaTopic | null = null;
  settings: Record<string, string> | null = null;
  readonly sends: { readonly producer: number; readonly records: readonly KafkaSentRecord[] }[] = [];
  readonly closed: number[] = [];
  producers = 0;
  /** What the last producer was told. */
  silenceMs: number | undefined;
  /** Of the next sends. */
  failure: Error | null = null;
  /** Records that are larger are refused. */
  recordBytesMax = Infinity;
  /** The next sends wait until their producer is closed. */
  isAway = false;

  client(): KafkaClient {
    return {
      admin: () => this.#admin(),
      producer: (options) => {
        this.silenceMs = options?.silenceMs;
        return this.#producer((reason) => options?.onTrouble?.(reason));
      },
      consumer: () => {
        throw new Error("a sink does not read");
      },
    };
  }

  #admin(): KafkaAdmin {
    return {
      createTopic: async (topic) => {
        const isNew = this.topic === null;
        this.topic ??= topic;
        return isNew;
      },
      describeTopic: async (topic) =>
        this.topic === null ? null : { topic, partitions: 1, replicas: 1, replicasInSync: 1 },
      topicSettings: async () => this.settings,
      addPartitions: async () => undefined,
      close: async () => undefined,
    };
  }

  #producer(onTrouble: (reason: string) => void): KafkaProducer {
    this.producers += 1;
    const producer = this.producers;
    const closing = Promise.withResolvers<void>();
    return {
      connect: async () => undefined,
      send: async (records) => {
        if (this.failure !== null) throw this.failure;
        if (records.some(({ value }) => (value?.length ?? 0) > this.recordBytesMax))
          throw new RecordTooLargeError("a record is larger than topic windows takes");
        if (this.isAway) {
          onTrouble("brokers are away");
          await closing.promise;
          throw new Error("closed");
        }
        this.sends.push({ producer, records });
      },
      close: async () => {
        this.closed.push(producer);
        closing.resolve();
      },
    };
  }
}

function place() {
  const cluster = new Cluster();
  const log = new MemoryLogger();
  const sink = new KafkaSink<string>({
    name: "kafka",
    client: cluster.client(),
    brokers: "k1:9092",
    topic: { topic: "windows", partitions: 4, replicas: -1 },
    retentionMs: 86_400_000,
    recordOf: (text) => ({ key: text.slice(0, 1), value: { text } }),
    wait: () => Promise.resolve(),
    log,
  });
  const troubles: string[] = [];
  const write = (...items: string[]) => sink.write(items, ({ message }) => troubles.push(message));
  return { cluster, log, sink, write, troubles };
}

test("the topic is made with the first record, compacted and of the retention; until then it holds nothing", async () => {
  const { cluster, sink, write } = place();
  expect(await sink.open()).toEqual({ holdsAll: false });
  expect(await sink.open()).toEqual({ holdsAll: false });
  expect(cluster.topic).toBeNull();
  expect(await write("a")).toEqual({ taken: 1 });
  expect(cluster.topic).toEqual({
    topic: "windows",
    partitions: 4,
    replicas: -1,
    settings: { "cleanup.policy": "compact,delete", "retention.ms": "86400000" },
  });
  expect(await sink.open()).toEqual({ holdsAll: true });
});

test.each([
  [{ "cleanup.policy": "delete,compact", "retention.ms": "86400000" }, 0],
  [{ "cleanup.policy": "compact,delete", "retention.ms": "-1" }, 0],
  [{ "cleanup.policy": "delete", "retention.ms": "604800000" }, 1],
  [{ "cleanup.policy": "compact", "retention.ms": "1" }, 1],
  [{ "cleanup.policy": "compact,delete", "retention.ms": "1000" }, 1],
  [null, 0],
])("a topic of others with %j: %i warnings", async (settings, warnings) => {
  const { cluster, sink, log } = place();
  cluster.topic = { topic: "windows", partitions: 1, replicas: 1 };
  cluster.settings = settings;
  expect(await sink.open()).toEqual({ holdsAll: true });
  expect(log.messages("warn")).toHaveLength(warnings);
});

test("a request is no larger than brokers take at a time, whatever the batch; the order stays", async () => {
  const { cluster, write } = place();
  const items = Array.from({ length: 30 }, (_, number) => `${number}`.padEnd(100_000, "."));
  expect(await write(...items)).toEqual({ taken: 30 });
  for (const { records } of cluster.sends)
    expect(records.reduce((bytes, { value }) => bytes + (value?.length ?? 0), 0)).toBeLessThan(600_000);
  const sent = cluster.sends.flatMap(({ records }) =>
    records.map(({ value }): string => JSON.parse(Buffer.from(value ?? []).toString()).text),
  );
  expect(sent).toEqual(items);
  // One record that is larger goes alone.
  await write("x".repeat(700_000), "y");
  expect(cluster.sends.slice(-2).map(({ records }) => records.length)).toEqual([1, 1]);
});

test("a record that is larger than Kafka's own limit, and that the topic does not take, is left out and told; it holds up no other", async () => {
  const { cluster, write, log } = place();
  cluster.recordBytesMax = 1_048_576;
  expect(await write("a", "b".repeat(1_100_000), "c")).toEqual({ taken: 2, refused: 1 });
  expect(cluster.sends.flatMap(({ records }) => records.map(({ key }) => key))).toEqual(["a", "c"]);
  expect(log.lines.filter(({ level }) => level === "warn")).toMatchObject([
    { fields: { topic: "windows", record: "b", bytes: 1_100_011 } },
  ]);
  expect(await write("d".repeat(1_000_000))).toEqual({ taken: 1 });
  // A topic that takes more has it.
  cluster.recordBytesMax = 2_097_152;
  expect(await write("b".repeat(1_100_000))).toEqual({ taken: 1 });
});

test("a topic that takes less than Kafka's own limit is to be set right: the records wait, and it is said", async () => {
  const { cluster, write, log } = place();
  cluster.recordBytesMax = 10_000;
  await expect(write("a", "b".repeat(20_000))).rejects.toThrow("larger than topic windows takes");
  cluster.recordBytesMax = 1_048_576;
  expect(await write("a", "b".repeat(20_000))).toEqual({ taken: 2 });
  expect(log.messages("warn")).toEqual([]);
});

test("one producer as long as nothing is refused, through every look; after a refusal another", async () => {
  const { cluster, sink, write } = place();
  await write("a");
  await sink.open();
  await write("b");
  expect(cluster.producers).toBe(1);
  cluster.failure = new Error("too large", { cause: new Error("it failed") });
  await expect(write("c")).rejects.toMatchObject({ code: "kafka_sink" });
  await expect(write("c")).rejects.toThrow(/^cannot write to topic windows of k1:9092: too large$/);
  cluster.failure = null;
  await write("d");
  expect(cluster.sends.map(({ producer }) => producer)).toEqual([1, 1, cluster.producers]);
  expect(cluster.producers).toBeGreaterThan(1);
});

test("a write says why it waits; one to a topic that was deleted ends, to be made anew", async () => {
  const { cluster, sink, write, troubles } = place();
  await write("a");
  cluster.isAway = true;
  const writing = write("b");
  cluster.topic = null;
  await expect(writing).rejects.toMatchObject({ code: "kafka_sink" });
  expect(troubles).toEqual(["cannot write to topic windows of k1:9092: brokers are away"]);
  // Brokers that hang are away, too, long before a request to them is given up.
  expect(cluster.silenceMs).toBe(10_000);
  cluster.isAway = false;
  expect(await sink.open()).toEqual({ holdsAll: false });
  await write("b");
  expect(cluster.topic).not.toBeNull();
});

test("a stop ends a write that waits, and nothing is begun after it", async () => {
  const { cluster, sink, write } = place();
  await write("a");
  cluster.isAway = true;
  const writing = write("b");
  sink.close();
  await expect(writing).rejects.toMatchObject({ code: "kafka_sink" });
  const { producers } = cluster;
  await expect(write("c")).rejects.toThrow("central stops");
  expect(cluster.producers).toBe(producers);
});
