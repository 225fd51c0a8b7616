import type { Clock, Random } from "@millrace/runtime";
import {
  type ClusterMetadata,
  type Connection,
  createAPI,
  Producer,
  type ProducerInfo,
  produceV11,
  Writer,
} from "@platformatic/kafka";
import type { KafkaConnection } from "../kafka-connection.ts";
import type { KafkaProducer, KafkaProducerOptions, KafkaSentRecord } from "../kafka-producer.ts";
import { retried } from "../retried.ts";
import { clientCloser } from "./client-closer.ts";
import { connectionOptions } from "./connection-options.ts";
import { explainKafka } from "./explain-kafka.ts";
import { hasLostPlace } from "./has-lost-place.ts";
import { isHopeless } from "./is-hopeless.ts";
import { isUnknownTopic } from "./is-unknown-topic.ts";
import { keyPartition } from "./key-partition.ts";
import { RecordBatch } from "./record-batch.ts";
import { sendFailure } from "./send-failure.ts";

/** As the other producer's. */
const REQUEST_TIMEOUT_MS = 150_000;
const RETRY_DELAY_MS = 250;
const RETRIES = 2;
/** At the broker, until all in-sync replicas have it. */
const REPLICAS_MS = 5_000;
/** Brokers take a megabyte by default (`message.max.bytes`). */
const BATCH_BYTES_MAX = 900_000;
const SEQUENCES = 2 ** 31;
const TURNS = 1_000_000;
const ALL_REPLICAS = -1;

type ProduceResponse = ReturnType<typeof produceV11.parseResponse>;

interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly batch: RecordBatch;
  /** Fixed with its first sending, so that the broker knows it again; null: it was not sent, or not as this producer. */
  firstSequence: number | null;
}

interface ProduceRequest {
  readonly batches: readonly PartitionBatch[];
  readonly info: ProducerInfo;
}

const produce = createAPI<[ProduceRequest], ProduceResponse>(
  0,
  11,
  (request: ProduceRequest) => requestOf(request),
  produceV11.parseResponse,
);

/**
 * As `PlatformaticProducer`, for hundreds of thousands of records a second: batches are written by ourselves, and the client
 * library finds the brokers, speaks to them and numbers the producer. Idempotent, `acks=all`.
 */
export class BulkProducer implements KafkaProducer {
  readonly #producer: Producer;
  readonly #close: () => Promise<void>;
  readonly #options: KafkaProducerOptions;
  readonly #brokers: readonly string[];
  readonly #world: { readonly clock: Clock; readonly random: Random };
  readonly #sequences = new Map<string, number>();
  #info: ProducerInfo | null = null;
  #leaders: ReadonlyMap<number, Connection> = new Map();
  #isClosed = false;
  #turn = 0;

  constructor(
    connection: KafkaConnection,
    options: KafkaProducerOptions,
    world: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#options = options;
    this.#brokers = connection.brokers;
    this.#world = world;
    this.#producer = new Producer({
      ...connectionOptions(connection),
      idempotent: true,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retries: RETRIES,
      retryDelay: RETRY_DELAY_MS,
    });
    this.#close = clientCloser(this.#producer, (client) => client.close(true));
    // What it says there is also in the rejections.
    this.#producer.on("error", () => undefined);
    // The library asks brokers that are away, or for a topic that is not there, for minutes before it rejects.
    this.#producer.on("client:performWithRetry:retry", () =>
      options.onTrouble?.("no broker says yet where the topic is"),
    );
  }

  async connect(topics: readonly string[]): Promise<void> {
    try {
      await this.#producer.metadata({ topics: [...topics], retries: 0 });
    } catch (error) {
      throw new Error(explainKafka(error, await this.#unknownOf(topics, error), this.#brokers), {
        cause: error,
      });
    }
  }

  async send(records: readonly KafkaSentRecord[]): Promise<void> {
    const topics = [...new Set(records.map(({ topic }) => topic))];
    try {
      const metadata = await this.#retried(() => this.#producer.metadata({ topics }));
      for (const round of roundsOf(this.#batchesOf(records, metadata))) await this.#deliver(round, topics);
    } catch (error) {
      throw sendFailure(error, topics, this.#brokers);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#close();
  }

  /** Which of them are not there, asked one by one: a broker's answer to all need not have them in our order. All: nobody can say. */
  async #unknownOf(topics: readonly string[], error: unknown): Promise<readonly string[]> {
    if (topics.length === 1 || !(error instanceof Error) || !isUnknownTopic(error)) return topics;
    const unknown: string[] = [];
    for (const topic of topics) {
      const isThere = await this.#producer.metadata({ topics: [topic], retries: 0 }).then(
        () => true,
        (reason: unknown) => !(reason instanceof Error && isUnknownTopic(reason)),
      );
      if (!isThere) unknown.push(topic);
    }
    return unknown.length === 0 ? topics : unknown;
  }

  #retried<Outcome>(attempt: () => Promise<Outcome>): Promise<Outcome> {
    return retried(attempt, {
      ...this.#world,
      patienceMs: this.#options.patienceMs ?? Number.POSITIVE_INFINITY,
      isClosed: () => this.#isClosed,
      isHopeless,
      onTrouble: this.#options.onTrouble,
      silenceMs: this.#options.silenceMs,
    });
  }

  /** In each partition's order; a partition has more than one where one would be too large. */
  #batchesOf(records: readonly KafkaSentRecord[], { topics }: ClusterMetadata): readonly PartitionBatch[] {
    const batches: PartitionBatch[] = [];
    const open = new Map<string, (PartitionBatch | undefined)[]>();
    const nowMs = this.#world.clock.nowMs();
    for (const record of records) {
      const { topic, key, value } = record;
      let ofTopic = open.get(topic);
      if (ofTopic === undefined) {
        const count = topics.get(topic)?.partitionsCount ?? 0;
        if (count === 0) throw new Error(`no partition of ${topic} is known`);
        open.set(topic, (ofTopic = Array.from({ length: count })));
      }
      const chosen = record.partition ?? (key === null ? this.#nextTurn() : null);
      const partition = chosen === null ? keyPartition(key ?? "", ofTopic.length) : chosen % ofTopic.length;
      let place = ofTopic[partition];
      if (place === undefined || place.batch.byteLength + (value?.length ?? 0) > BATCH_BYTES_MAX) {
        place = { topic, partition, batch: new RecordBatch(), firstSequence: null };
        ofTopic[partition] = place;
        batches.push(place);
      }
      place.batch.append(record, nowMs);
    }
    return batches;
  }

  #nextTurn(): number {
    this.#turn = (this.#turn + 1) % TURNS;
    return this.#turn;
  }

  /** At most one batch of each partition. */
  async #deliver(round: readonly PartitionBatch[], topics: string[]): Promise<void> {
    let left = round;
    let isFirst = true;
    await this.#retried(async () => {
      const forceUpdate = !isFirst;
      isFirst = false;
      const metadata = await this.#producer.metadata({ topics, forceUpdate });
      const info = await this.#number(left);
      const byLeader = Map.groupBy(
        left,
        ({ topic, partition }) => metadata.topics.get(topic)?.partitions[partition]?.leader ?? -1,
      );
      const taken = new Set<PartitionBatch>();
      const outcomes = await Promise.allSettled(
        [...byLeader].map(async ([leader, batches]) => {
          const connection = await this.#connectionTo(leader);
          await this.#produce(connection, { batches, info }, (batch) => taken.add(batch));
        }),
      );
      left = left.filter((batch) => !taken.has(batch));
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        this.#leaders = new Map();
        if (hasLostPlace(outcome.reason)) this.#forget(left);
        throw outcome.reason;
      }
    });
  }

  async #produce(
    connection: Connection,
    request: ProduceRequest,
    onTaken: (batch: PartitionBatch) => void,
  ): Promise<void> {
    let response: ProduceResponse;
    let failure: unknown = null;
    try {
      response = await produce.async(connection, request);
    } catch (error) {
      // Of some partitions it may still have taken theirs.
      const answer = error instanceof Error && "response" in error ? error.response : undefined;
      if (answer === undefined) throw error;
      response = answer as ProduceResponse;
      failure = error;
    }
    let left = request.batches.length;
    for (const { name, partitionResponses } of response.responses)
      for (const { index, errorCode } of partitionResponses) {
        if (errorCode !== 0 && errorCode !== DUPLICATE_SEQUENCE) continue;
        const batch = request.batches.find(({ topic, partition }) => topic === name && partition === index);
        if (batch === undefined) continue;
        onTaken(batch);
        left -= 1;
      }
    if (left > 0) throw failure ?? new Error("the broker's answer lacks a partition");
  }

  /** Gives each batch its place in the producer's count, if it has none. */
  async #number(batches: readonly PartitionBatch[]): Promise<ProducerInfo> {
    const info = this.#info ?? (await this.#producer.initIdempotentProducer({}));
    this.#info = info;
    for (const place of batches) {
      if (place.firstSequence !== null) continue;
      const key = `${place.topic}:${place.partition}`;
      const sequence = this.#sequences.get(key) ?? 0;
      place.firstSequence = sequence;
      this.#sequences.set(key, (sequence + place.batch.count) % SEQUENCES);
    }
    return info;
  }

  /** The broker knows this producer no more: what is left goes out as another's. What it had taken without saying so comes twice. */
  #forget(batches: readonly PartitionBatch[]): void {
    this.#info = null;
    this.#sequences.clear();
    for (const place of batches) place.firstSequence = null;
  }

  async #connectionTo(leader: number): Promise<Connection> {
    const known = this.#leaders.get(leader);
    if (known?.isConnected() === true) return known;
    this.#leaders = await this.#producer.connectToBrokers();
    const connection = this.#leaders.get(leader);
    if (connection === undefined) throw new Error(`the leader, broker ${leader}, is not known`);
    return connection;
  }
}

const DUPLICATE_SEQUENCE = 46;

/** Each partition's n-th batch in the n-th round. */
function roundsOf(batches: readonly PartitionBatch[]): readonly (readonly PartitionBatch[])[] {
  const rounds: PartitionBatch[][] = [];
  const counts = new Map<string, number>();
  for (const batch of batches) {
    const key = `${batch.topic}:${batch.partition}`;
    const round = counts.get(key) ?? 0;
    counts.set(key, round + 1);
    (rounds[round] ??= []).push(batch);
  }
  return rounds;
}

/** `transactional_id acks timeout_ms [name [index records]]`, https://kafka.apache.org/protocol.html#The_Messages_Produce */
function requestOf({ batches, info }: ProduceRequest): Writer {
  const byTopic = Map.groupBy(batches, ({ topic }) => topic);
  return Writer.create()
    .appendString(null)
    .appendInt16(ALL_REPLICAS)
    .appendInt32(REPLICAS_MS)
    .appendArray([...byTopic], (topics, [topic, ofTopic]) => {
      topics
        .appendString(topic)
        .appendArray([...ofTopic], (partitions, { partition, batch, firstSequence }) => {
          const { producerId, producerEpoch } = info;
          const bytes = batch.bytes({ producerId, producerEpoch, firstSequence: firstSequence ?? 0 });
          partitions
            .appendInt32(partition)
            .appendUnsignedVarInt(bytes.length + 1)
            .append(bytes);
        });
    })
    .appendTaggedFields();
}
