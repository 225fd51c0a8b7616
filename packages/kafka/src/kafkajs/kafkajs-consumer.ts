import { systemRandom } from "@millrace/runtime";
import type * as kafkajs from "kafkajs";
import type { KafkaBatch } from "../kafka-batch.ts";
import type { KafkaConsumer, KafkaConsumerOptions } from "../kafka-consumer.ts";
import { partitionKey, type KafkaPartition, type KafkaPosition } from "../kafka-partition.ts";

/** A partition stands still while a batch of it waits for `next`. After each rebalance it begins anew, from what is committed. */
export function kafkajsConsumer(kafka: kafkajs.Kafka, options: KafkaConsumerOptions): KafkaConsumer {
  const { group, fetchBytesMax: maxBytes = 8 * 1024 * 1024, sessionMs: ms = 10_000 } = options;
  const groupId = group ?? `millrace-alone-${systemRandom.hex(8)}`; // it reads as a group's member only
  const session = { sessionTimeout: ms, rebalanceTimeout: ms, heartbeatInterval: ms / 5 };
  const fetch = { maxBytes, maxBytesPerPartition: maxBytes, maxWaitTimeInMs: options.fetchWaitMs ?? 100 };
  const known = { metadataMaxAge: options.partitionsEveryMs ?? 30_000, allowAutoTopicCreation: false };
  const retry = { retries: Number.MAX_SAFE_INTEGER, initialRetryTime: 100, maxRetryTime: 2_000 };
  const consumer = kafka.consumer({ groupId, ...session, ...fetch, ...known, retry });
  const admin = kafka.admin();
  const waiting = new Map<string, { batch: KafkaBatch; goOn: () => void }>(); // by partition
  const paused = new Set<string>();
  let arrival = Promise.withResolvers<void>();
  let positioned: Promise<void> = Promise.resolve();
  let isClosed = false;

  function takeWaiting(key: string): KafkaBatch | null {
    const found = waiting.get(key);
    waiting.delete(key);
    found?.goOn();
    return found?.batch ?? null;
  }

  function seek(position: KafkaPosition): void {
    consumer.seek({ ...position, offset: String(position.offset) });
    takeWaiting(partitionKey(position));
  }

  function assign(assignment: Record<string, number[]>): void {
    for (const key of waiting.keys()) takeWaiting(key);
    if (reader.assigned.length > 0) options.onRevoked?.(reader.assigned);
    const byTopic = Object.entries(assignment);
    reader.assigned = byTopic.flatMap(([topic, of]) => of.map((partition) => ({ topic, partition })));
    positioned = Promise.resolve(options.positions?.(reader.assigned)).then((found) => found?.forEach(seek));
  }

  async function take({ batch, isStale, pause }: kafkajs.EachBatchPayload): Promise<void> {
    await positioned;
    if (isStale() || isClosed) return;
    const { topic, partition } = batch;
    const records = batch.messages.map(recordOf);
    const [values, offsets] = [records.map(({ value }) => value), records.map(({ offset }) => offset)];
    const [nextOffset, endOffset] = [Number(batch.lastOffset()) + 1, Number(batch.highWatermark)];
    const fetched = { topic, partition, records, values, offsets, nextOffset, endOffset };
    waiting.set(partitionKey(batch), { batch: fetched, goOn: pause() });
    arrival.resolve();
  }

  async function rangesOf(topic: string) {
    const all = await admin.fetchTopicOffsets(topic);
    return all.map(({ partition, low, high }) => ({ topic, partition, startOffset: +low, endOffset: +high }));
  }

  async function start({ topics, from, onTrouble }: KafkaConsumerOptions): Promise<void> {
    consumer.on(consumer.events.CRASH, ({ payload }) => onTrouble?.(payload.error.message));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => assign(payload.memberAssignment));
    await Promise.all([consumer.connect(), admin.connect()]);
    await consumer.subscribe({ topics: [...topics], fromBeginning: from === "start" });
    await consumer.run({ autoCommit: false, eachBatch: take });
  }

  const started = start(options).catch((error: Error) => options.onTrouble?.(error.message));
  const reader: KafkaConsumer & { assigned: readonly KafkaPartition[] } = {
    assigned: [],
    next: async () => {
      for (; !isClosed; arrival = Promise.withResolvers()) {
        const key = [...waiting.keys()].find((each) => !paused.has(each));
        if (key !== undefined) return takeWaiting(key);
        await arrival.promise;
      }
      return null;
    },
    seek,
    pause: (partitions) => partitions.forEach((each) => paused.add(partitionKey(each))),
    resume: (partitions) => {
      for (const partition of partitions) paused.delete(partitionKey(partition));
      arrival.resolve();
    },
    commit: async (own) =>
      group === null
        ? undefined
        : consumer.commitOffsets(own.map((each) => ({ ...each, offset: `${each.offset}` }))),
    ranges: async () => (await Promise.all(options.topics.map(rangesOf))).flat(),
    close: async () => {
      isClosed = true;
      arrival.resolve();
      await started;
      await Promise.all([consumer.disconnect(), admin.disconnect()]);
    },
  };
  return reader;
}

function recordOf({ offset, timestamp, key, value, headers: named = {} }: kafkajs.KafkaMessage) {
  const headers = Object.entries(named).flatMap(([name, held = ""]) =>
    [held].flat().map((each) => [name, Buffer.from(each)] as const),
  );
  return { offset: Number(offset), timestampMs: Number(timestamp), key, value, headers };
}
