import type * as kafkajs from "kafkajs";
import type { KafkaBatch } from "../kafka-batch.ts";
import type { KafkaConsumer, KafkaConsumerOptions } from "../kafka-consumer.ts";
import { partitionKey, type KafkaPartition, type KafkaPosition } from "../kafka-partition.ts";

/** A partition stands still while a batch of it waits for `next`. After each rebalance it begins anew, from what is committed. */
export class KafkajsConsumer implements KafkaConsumer {
  readonly #options: KafkaConsumerOptions;
  readonly #consumer: kafkajs.Consumer;
  readonly #admin: kafkajs.Admin;
  readonly #started: Promise<unknown>;
  readonly #waiting: { readonly batch: KafkaBatch; readonly goOn: () => void }[] = [];
  readonly #paused = new Set<string>();
  #arrival = Promise.withResolvers<void>();
  #positioned: Promise<void> = Promise.resolve();
  #isClosed = false;
  assigned: readonly KafkaPartition[] = [];

  constructor(kafka: kafkajs.Kafka, options: KafkaConsumerOptions) {
    const { fetchBytesMax: maxBytes = 8 * 1024 * 1024, sessionMs: sessionTimeout = 10_000 } = options;
    this.#options = options;
    this.#admin = kafka.admin();
    const member = {
      sessionTimeout,
      rebalanceTimeout: sessionTimeout,
      heartbeatInterval: sessionTimeout / 5,
    };
    const fetch = { maxBytes, maxBytesPerPartition: maxBytes, maxWaitTimeInMs: options.fetchWaitMs ?? 100 };
    const topics = { metadataMaxAge: options.partitionsEveryMs ?? 30_000, allowAutoTopicCreation: false };
    const retry = { retries: Number.MAX_SAFE_INTEGER, initialRetryTime: 100, maxRetryTime: 2_000 };
    this.#consumer = kafka.consumer({ groupId: options.group, ...member, ...fetch, ...topics, retry });
    this.#started = this.#start().catch((error: Error) => options.onTrouble?.(error.message));
  }

  async #start(): Promise<void> {
    const { CRASH, GROUP_JOIN } = this.#consumer.events;
    this.#consumer.on(CRASH, ({ payload }) => this.#options.onTrouble?.(payload.error.message));
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.#assign(payload.memberAssignment));
    await Promise.all([this.#consumer.connect(), this.#admin.connect()]);
    const { topics, from } = this.#options;
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning: from === "start" });
    await this.#consumer.run({ autoCommit: false, eachBatch: (payload) => this.#take(payload) });
  }

  #assign(assignment: Record<string, number[]>): void {
    this.#forgetWaiting(() => true);
    if (this.assigned.length > 0) this.#options.onRevoked?.(this.assigned);
    const byTopic = Object.entries(assignment);
    this.assigned = byTopic.flatMap(([topic, of]) => of.map((partition) => ({ topic, partition })));
    this.#positioned = Promise.resolve(this.#options.positions?.(this.assigned)).then((found = []) => {
      for (const position of found) this.seek(position);
    });
  }

  async #take({ batch, isStale, pause }: kafkajs.EachBatchPayload): Promise<void> {
    await this.#positioned;
    if (isStale() || this.#isClosed) return;
    const { topic, partition, messages } = batch;
    const records = messages.map(({ offset, timestamp, key, value, headers = {} }) => ({
      offset: Number(offset),
      timestampMs: Number(timestamp),
      key,
      value,
      headers: Object.entries(headers).flatMap(([name, held = ""]) =>
        [held].flat().map((each) => [name, Buffer.from(each)] as const),
      ),
    }));
    const [nextOffset, endOffset] = [Number(batch.lastOffset()) + 1, Number(batch.highWatermark)];
    const values = records.map(({ value }) => value);
    const offsets = records.map(({ offset }) => offset);
    const fetched = { topic, partition, records, values, offsets, nextOffset, endOffset };
    this.#waiting.push({ batch: fetched, goOn: pause() });
    this.#arrival.resolve();
  }

  async next(): Promise<KafkaBatch | null> {
    while (!this.#isClosed) {
      const found = this.#waiting.find(({ batch }) => !this.#paused.has(partitionKey(batch)))?.batch;
      if (found !== undefined) this.#forgetWaiting((batch) => batch === found);
      if (found !== undefined) return found;
      await this.#arrival.promise;
      this.#arrival = Promise.withResolvers();
    }
    return null;
  }

  #forgetWaiting(isGone: (batch: KafkaBatch) => boolean): void {
    const waiting = this.#waiting.splice(0);
    for (const { goOn } of waiting.filter(({ batch }) => isGone(batch))) goOn();
    for (const each of waiting) if (!isGone(each.batch)) this.#waiting.push(each);
  }

  seek(position: KafkaPosition): void {
    this.#consumer.seek({ ...position, offset: String(position.offset) });
    this.#forgetWaiting((batch) => partitionKey(batch) === partitionKey(position));
  }

  pause(partitions: readonly KafkaPartition[]): void {
    for (const partition of partitions) this.#paused.add(partitionKey(partition));
  }

  resume(partitions: readonly KafkaPartition[]): void {
    for (const partition of partitions) this.#paused.delete(partitionKey(partition));
    this.#arrival.resolve();
  }

  async commit(positions: readonly KafkaPosition[]): Promise<void> {
    await this.#consumer.commitOffsets(positions.map((each) => ({ ...each, offset: `${each.offset}` })));
  }

  async ranges() {
    const found = this.#options.topics.map(async (topic) =>
      (await this.#admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => {
        return { topic, partition, startOffset: Number(low), endOffset: Number(high) };
      }),
    );
    return (await Promise.all(found)).flat();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#arrival.resolve();
    await this.#started;
    await Promise.all([this.#consumer.disconnect(), this.#admin.disconnect()]);
  }
}
