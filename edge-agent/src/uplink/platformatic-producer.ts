import type { KafkaUplinkConfig } from "@millrace/config";
import {
  compatibilityPartitioner,
  findErrorBy,
  MultipleErrors,
  Producer,
  type ProducerOptions,
} from "@platformatic/kafka";
import type { KafkaProducer, KafkaRecord } from "./kafka-producer.ts";

/** To connect, and at the brokers until all replicas hold a request. */
const TIMEOUT_MS = 5_000;
/** Until an answer: the greatest batch takes two minutes on the slowest link. What is silent the uplink above finds out sooner. */
const REQUEST_TIMEOUT_MS = 150_000;
/** At least two, or the client would try for ever. */
const RETRIES = 2;
const RETRY_DELAY_MS = 250;

/** Apache Kafka by `@platformatic/kafka`: idempotent, `acks=all`, partitions as Java's clients choose them. */
export class PlatformaticProducer implements KafkaProducer {
  readonly #topic: string;
  readonly #producer: Producer;

  constructor({ brokers, topic, clientId, tls, sasl }: KafkaUplinkConfig) {
    this.#topic = topic;
    const options: ProducerOptions<Buffer, Buffer, Buffer, Buffer> = {
      clientId,
      bootstrapBrokers: [...brokers],
      idempotent: true,
      partitioner: compatibilityPartitioner,
      autocreateTopics: false,
      strict: false,
      timeout: TIMEOUT_MS,
      connectTimeout: TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retries: RETRIES,
      retryDelay: RETRY_DELAY_MS,
    };
    if (tls !== null)
      options.tls = {
        ...(tls.ca === null ? {} : { ca: tls.ca }),
        ...(tls.cert === null || tls.key === null ? {} : { cert: tls.cert, key: tls.key }),
      };
    if (sasl !== null) options.sasl = sasl;
    this.#producer = new Producer(options);
    // What it says there is also in the rejections.
    this.#producer.on("error", () => undefined);
  }

  async connect(): Promise<void> {
    try {
      await this.#producer.metadata({ topics: [this.#topic], retries: 0 });
    } catch (error) {
      throw new Error(this.#explain(error), { cause: error });
    }
  }

  async send(records: readonly KafkaRecord[]): Promise<void> {
    const messages = records.map(({ key, value, headers }) => ({
      topic: this.#topic,
      key: Buffer.from(key),
      value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
      headers: new Map(
        Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const),
      ),
    }));
    try {
      await this.#producer.send({ messages });
    } catch (error) {
      throw new Error(this.#explain(error), { cause: error });
    }
  }

  close(): void {
    this.#producer.close(true).catch(() => undefined);
  }

  /** What a person can do comes first. */
  #explain(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    const has = (property: string, value: unknown) => findErrorBy(error, property, value) !== null;
    const reason = deepest(error).message;
    if (has("apiId", "UNKNOWN_TOPIC_OR_PARTITION") || reason.startsWith("Unknown topic"))
      return `Kafka has no topic ${this.#topic}; create it (docs/operations.md)`;
    if (has("apiId", "TOPIC_AUTHORIZATION_FAILED"))
      return `Kafka does not let this user write to topic ${this.#topic}`;
    if (has("apiId", "NOT_ENOUGH_REPLICAS") || has("apiId", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"))
      return `topic ${this.#topic} has too few replicas in sync: nothing is acknowledged`;
    if (has("apiId", "MESSAGE_TOO_LARGE"))
      return `a batch is larger than topic ${this.#topic} takes; set its max.message.bytes to 1 MiB at least`;
    if (/authentication failed/i.test(error.message) || /authentication failed/i.test(reason))
      return "Kafka refuses the login (uplink.kafka.sasl)";
    return reason;
  }
}

/** The client wraps the reason in layers that say "failed". */
function deepest(error: Error): Error {
  if (error instanceof MultipleErrors && error.errors[0] instanceof Error) return deepest(error.errors[0]);
  return error.cause instanceof Error ? deepest(error.cause) : error;
}
