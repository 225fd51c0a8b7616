import { type Clock, type Random } from "@millrace/runtime";
import { compatibilityPartitioner, Producer } from "@platformatic/kafka";
import type { KafkaConnection } from "../kafka-connection.ts";
import type { KafkaProducer, KafkaProducerOptions, KafkaSentRecord } from "../kafka-producer.ts";
import { retried } from "../retried.ts";
import { clientCloser } from "./client-closer.ts";
import { connectionOptions } from "./connection-options.ts";
import { explainKafka } from "./explain-kafka.ts";
import { isHopeless } from "./is-hopeless.ts";
import { sendFailure } from "./send-failure.ts";

/** Until an answer: the greatest batch takes two minutes on the slowest link. What is silent the uplink above finds out sooner. */
const REQUEST_TIMEOUT_MS = 150_000;
const RETRY_DELAY_MS = 250;
/** At least two, or the client would try for ever. These are of one request, under one sequence number: nothing is repeated. */
const RETRIES = 2;
const TURNS = 1_000_000;

/** Idempotent, `acks=all`, partitions as Java's clients choose them. */
export class PlatformaticProducer implements KafkaProducer {
  readonly #producer: Producer;
  readonly #close: () => Promise<void>;
  readonly #options: KafkaProducerOptions;
  readonly #brokers: readonly string[];
  readonly #clock: Clock;
  readonly #random: Random;
  #isClosed = false;
  #turn = 0;

  constructor(
    connection: KafkaConnection,
    options: KafkaProducerOptions,
    { clock, random }: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#options = options;
    this.#brokers = connection.brokers;
    this.#clock = clock;
    this.#random = random;
    const { patienceMs = Number.POSITIVE_INFINITY } = options;
    this.#producer = new Producer({
      ...connectionOptions(connection),
      idempotent: true,
      partitioner: compatibilityPartitioner,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retries: Math.max(RETRIES, Math.ceil(Math.min(patienceMs, REQUEST_TIMEOUT_MS) / RETRY_DELAY_MS)),
      retryDelay: RETRY_DELAY_MS,
    });
    this.#close = clientCloser(this.#producer, (client) => client.close(true));
    // What it says there is also in the rejections.
    this.#producer.on("error", () => undefined);
    // It asks brokers that are away, or for a topic that is not there, for minutes before it rejects.
    this.#producer.on("client:performWithRetry:retry", (...[operation]) =>
      options.onTrouble?.(
        operation === "produce" ? "a broker does not take it yet" : "no broker says yet where the topic is",
      ),
    );
  }

  async connect(topics: readonly string[]): Promise<void> {
    try {
      await this.#producer.metadata({ topics: [...topics], retries: 0 });
    } catch (error) {
      throw new Error(explainKafka(error, topics, this.#brokers), { cause: error });
    }
  }

  async send(records: readonly KafkaSentRecord[]): Promise<void> {
    const messages = records.map(({ topic, key, value, headers = {}, timestampMs, partition }) => ({
      topic,
      ...(key === null ? {} : { key: bytesOf(key) }),
      ...(value === null ? {} : { value: bytesOf(value) }),
      headers: new Map(
        Object.entries(headers).map(([name, text]) => [Buffer.from(name), bytesOf(text)] as const),
      ),
      ...(timestampMs === undefined ? {} : { timestamp: BigInt(timestampMs) }),
      ...(partition === undefined && key !== null ? {} : { partition: partition ?? this.#nextTurn() }),
    }));
    try {
      await retried(() => this.#producer.send({ messages }), {
        clock: this.#clock,
        random: this.#random,
        patienceMs: this.#options.patienceMs ?? Number.POSITIVE_INFINITY,
        isClosed: () => this.#isClosed,
        // After a failure the library comes as another producer.
        isHopeless,
        onTrouble: this.#options.onTrouble,
        silenceMs: this.#options.silenceMs,
      });
    } catch (error) {
      const topics = [...new Set(records.map(({ topic }) => topic))];
      throw sendFailure(error, topics, this.#brokers);
    }
  }

  /** The client takes it modulo the topic's partitions. */
  #nextTurn(): number {
    this.#turn = (this.#turn + 1) % TURNS;
    return this.#turn;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#close();
  }
}

function bytesOf(value: string | Uint8Array): Buffer {
  return typeof value === "string"
    ? Buffer.from(value)
    : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
