import type * as kafkajs from "kafkajs";
import type { KafkaBatch } from "../kafka-batch.ts";
import type { KafkaConsumer, KafkaConsumerOptions } from "../kafka-consumer.ts";
import { partitionKey, type KafkaPartition, type KafkaPosition } from "../kafka-partition.ts";

/** A partition stands still at the broker while a batch of it waits for `next`. After each rebalance it begins anew, from what is committed. */
export class KafkajsConsumer implements KafkaConsumer {
  readonly #options: KafkaConsumerOptions;
  readonly #consumer: kafkajs.Consumer;
  readonly #admin: kafkajs.Admin;
  readonly #started: Promise<void>;
  readonly #waiting: { readonly batch: KafkaBatch; readonly taken: () => void }[] = [];
  readonly #paused = new Set<string>();
  #arrival = Promise.withResolvers<void>();
  #positioned: Promise<void> = Promise.resolve();
  #isClosed = false;
  assigned: readonly KafkaPartition[] = [];

  constructor(kafka: kafkajs.Kafka, options: KafkaConsumerOptions) {
    const { fetchBytesMax = 8 * 1024 * 1024, sessionMs = 10_000 } = options;
    this.#options = options;
    this.#admin = kafka.admin();
    this.#consumer = kafka.consumer({
      groupId: options.group,
      sessionTimeout: sessionMs,
      rebalanceTimeout: sessionMs,
      heartbeatInterval: sessionMs / 5,
      metadataMaxAge: options.partitionsEveryMs ?? 30_000,
      maxBytes: fetchBytesMax,
      maxBytesPerPartition: fetchBytesMax,
      maxWaitTimeInMs: options.fetchWaitMs ?? 100,
      allowAutoTopicCreation: false,
      retry: { retries: Number.MAX_SAFE_INTEGER, initialRetryTime: 100, maxRetryTime: 2_000 },
    });
    this.#started = this.#start();
    this.#started.catch((error: Error) => options.onTrouble?.(error.message));
  }

  async #start(): Promise<void> {
    const { topics, from, onTrouble } = this.#options;
    const { CRASH, GROUP_JOIN } = this.#consumer.events;
    this.#consumer.on(CRASH, ({ payload }) => onTrouble?.(payload.error.message));
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.#assign(payload.memberAssignment));
    await Promise.all([this.#consumer.connect(), this.#admin.connect()]);
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning: from === "start" });
    const eachBatch = (payload: kafkajs.EachBatchPayload) => this.#take(payload);
    await this.#consumer.run({ autoCommit: false, eachBatch });
  }

  #assign(assignment: Record<string, number[]>): void {
    this.#forgetWaiting(() => true);
    if (this.assigned.length > 0) this.#options.onRevoked?.(this.assigned);
    this.assigned = Object.entries(assignment).flatMap(([topic, of]) =>
      of.map((partition) => ({ topic, partition })),
    );
    this.#positioned = Promise.resolve(this.#options.positions?.(this.assigned)).then((found = []) => {
      for (const position of found) this.seek(position);
    });
  }

  async #take({
    batch: { topic, partition, messages, highWatermark },
    isStale,
    pause,
  }: kafkajs.EachBatchPayload) {
    await this.#positioned;
    if (isStale() || this.#isClosed) return;
    const records = messages.map(({ offset, timestamp, key, value, headers = {} }) => ({
      offset: Number(offset),
      timestampMs: Number(timestamp),
      key,
      value,
      headers: Object.entries(headers).flatMap(([name, held = ""]) =>
        [held].flat().map((each) => [name, Buffer.from(each)] as const),
      ),
    }));
    const nextOffset = Number(messages.at(-1)?.offset) + 1;
    const batch = { topic, partition, records, nextOffset, endOffset: Number(highWatermark) };
    this.#waiting.push({ batch, taken: pause() });
    this.#arrival.resolve();
  }

  async next(): Promise<KafkaBatch | null> {
    while (!this.#isClosed) {
      const found = this.#waiting.find(({ batch }) => !this.#paused.has(partitionKey(batch)));
      if (found !== undefined) {
        this.#forgetWaiting((batch) => batch === found.batch);
        return found.batch;
      }
      await this.#arrival.promise;
      this.#arrival = Promise.withResolvers();
    }
    return null;
  }

  #forgetWaiting(isGone: (batch: KafkaBatch) => boolean): void {
    const waiting = this.#waiting.splice(0);
    for (const { taken } of waiting.filter(({ batch }) => isGone(batch))) taken();
    this.#waiting.push(...waiting.filter(({ batch }) => !isGone(batch)));
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
    await this.#consumer.commitOffsets(
      positions.map((position) => ({ ...position, offset: `${position.offset}` })),
    );
  }

  async ranges() {
    const found = this.#options.topics.map(async (topic) => {
      const offsets = await this.#admin.fetchTopicOffsets(topic);
      return offsets.map(({ partition, low, high }) => ({
        topic,
        partition,
        startOffset: +low,
        endOffset: +high,
      }));
    });
    return (await Promise.all(found)).flat();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#arrival.resolve();
    await this.#started.catch(() => undefined);
    await Promise.all([this.#consumer.disconnect(), this.#admin.disconnect()]);
  }
}
