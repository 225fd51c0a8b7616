import { reasonOf, systemClock, systemRandom } from "@millrace/runtime";
import type * as kafkajs from "kafkajs";
import type { KafkaAdmin } from "../kafka-admin.ts";
import type { KafkaClient } from "../kafka-client.ts";
import type { KafkaConnection } from "../kafka-connection.ts";
import type { KafkaConsumer, KafkaConsumerOptions } from "../kafka-consumer.ts";
import type { KafkaProducer, KafkaProducerOptions, KafkaSentRecord } from "../kafka-producer.ts";
import { retried } from "../retried.ts";
import { KafkajsConsumer } from "./kafkajs-consumer.ts";

/** The same port by `kafkajs`, for whoever has to keep that library: it is given, not imported. */
export class KafkajsClient implements KafkaClient {
  readonly #library: typeof kafkajs;
  readonly #kafka: kafkajs.Kafka;

  constructor(library: typeof kafkajs, { brokers, clientId, tls, sasl }: KafkaConnection) {
    this.#library = library;
    const retry = { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 };
    const pem = Object.entries(tls ?? {}).filter(([, text]) => text !== null);
    const ssl = tls !== null && Object.fromEntries(pem);
    const logLevel = library.logLevel.NOTHING;
    const login = sasl === null ? {} : { sasl: saslOf(sasl) };
    this.#kafka = new library.Kafka({ brokers: [...brokers], clientId, logLevel, retry, ssl, ...login });
  }

  /** `acks=all`, not idempotent: its idempotent producer loses its numbers at reconnects. One request at a time keeps the order. */
  producer({ patienceMs = Number.POSITIVE_INFINITY, onTrouble }: KafkaProducerOptions = {}): KafkaProducer {
    const createPartitioner = this.#library.Partitioners.DefaultPartitioner;
    const options = { createPartitioner, allowAutoTopicCreation: false, maxInFlightRequests: 1 };
    const producer = this.#kafka.producer(options);
    let isClosed = false;
    const isHopeless = (error: unknown) => /sasl|authenti|too large/i.test(reasonOf(error));
    const trying = { clock: systemClock, random: systemRandom, patienceMs, isHopeless, onTrouble };
    return {
      connect: async (topics) => {
        await producer.connect();
        await this.#withAdmin((admin) => admin.fetchTopicMetadata({ topics: [...topics] }));
      },
      send: async (records) => {
        const byTopic = Map.groupBy(records, ({ topic }) => topic);
        const topicMessages = Array.from(byTopic, ([topic, of]) => ({ topic, messages: of.map(messageOf) }));
        const attempt = () => producer.connect().then(() => producer.sendBatch({ acks: -1, topicMessages }));
        await retried(attempt, { ...trying, isClosed: () => isClosed });
      },
      close: async () => {
        isClosed = true;
        await producer.disconnect().catch(reasonOf);
      },
    };
  }

  consumer(options: KafkaConsumerOptions): KafkaConsumer {
    return new KafkajsConsumer(this.#kafka, options);
  }

  admin(): KafkaAdmin {
    return {
      createTopic: ({ topic, partitions: numPartitions, replicas: replicationFactor, settings = {} }) => {
        const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
        const topics = [{ topic, numPartitions, replicationFactor, configEntries }];
        return this.#withAdmin((admin) => admin.createTopics({ topics }));
      },
      describeTopic: (topic) =>
        this.#withAdmin(async (admin) => {
          if (!(await admin.listTopics()).includes(topic)) return null;
          const [{ partitions }] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
          const replicas = Math.min(...partitions.map((each) => each.replicas.length));
          const replicasInSync = Math.min(...partitions.map(({ isr }) => isr.length));
          return { topic, partitions: partitions.length, replicas, replicasInSync };
        }),
      topicSettings: (topic) =>
        this.#withAdmin(async (admin) => {
          const type = this.#library.ConfigResourceTypes.TOPIC;
          const { resources } = await admin.describeConfigs({
            includeSynonyms: false,
            resources: [{ type, name: topic }],
          });
          const settings = resources[0].configEntries.map(({ configName, configValue }) => [
            configName,
            configValue,
          ]);
          return Object.fromEntries(settings);
        }).catch((error: unknown) => {
          if (/authoriz|does not host|not exist/i.test(reasonOf(error))) return null;
          throw error;
        }),
      addPartitions: async (topic, count) =>
        void (await this.#withAdmin((admin) =>
          admin.createPartitions({ topicPartitions: [{ topic, count }] }),
        )),
      close: () => Promise.resolve(),
    };
  }

  async #withAdmin<Answer>(ask: (admin: kafkajs.Admin) => Promise<Answer>): Promise<Answer> {
    const admin = this.#kafka.admin();
    await admin.connect();
    const answer = ask(admin);
    return answer.finally(() => void admin.disconnect());
  }
}

function messageOf({ key, value, headers = {}, timestampMs, partition }: KafkaSentRecord): kafkajs.Message {
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
    ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
    ...(partition === undefined ? {} : { partition }),
  };
}

function saslOf({ mechanism, ...login }: NonNullable<KafkaConnection["sasl"]>): kafkajs.SASLOptions {
  if (mechanism === "PLAIN") return { mechanism: "plain", ...login };
  return { mechanism: mechanism === "SCRAM-SHA-256" ? "scram-sha-256" : "scram-sha-512", ...login };
}
