import { reasonOf, systemClock as clock, systemRandom as random } from "@millrace/runtime";
import type * as kafkajs from "kafkajs";
import type { KafkaClient } from "../kafka-client.ts";
import type { KafkaConnection } from "../kafka-connection.ts";
import type { KafkaSentRecord } from "../kafka-producer.ts";
import { retried } from "../retried.ts";
import { kafkajsConsumer } from "./kafkajs-consumer.ts";

/** The same port by `kafkajs`, for whoever has to keep that library: it is given, not imported. */
export function kafkajsClient(library: typeof kafkajs, connection: KafkaConnection): KafkaClient {
  const { brokers, clientId, tls, sasl } = connection;
  const retry = { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 };
  const pem = Object.entries(tls ?? {}).filter(([, text]) => text !== null);
  const secure = { ssl: tls !== null && Object.fromEntries(pem), ...(sasl && { sasl: saslOf(sasl) }) };
  const logLevel = library.logLevel.NOTHING;
  const kafka = new library.Kafka({ brokers: [...brokers], clientId, logLevel, retry, ...secure });

  async function ask<Answer>(question: (admin: kafkajs.Admin) => Promise<Answer>): Promise<Answer> {
    const admin = kafka.admin();
    const answer = admin.connect().then(() => question(admin));
    return answer.finally(() => void admin.disconnect());
  }

  return {
    /** `acks=all`, not idempotent: its idempotent producer loses its numbers at reconnects. One request at a time keeps the order. */
    producer: ({ patienceMs = Number.POSITIVE_INFINITY, onTrouble, silenceMs } = {}) => {
      const createPartitioner = library.Partitioners.DefaultPartitioner;
      const sending = { createPartitioner, allowAutoTopicCreation: false, maxInFlightRequests: 1 };
      const producer = kafka.producer(sending);
      let isClosed = false;
      const isHopeless = (error: unknown) => /sasl|authenti|too large/i.test(reasonOf(error));
      const trying = { clock, random, patienceMs, isHopeless, onTrouble, silenceMs };
      return {
        connect: async (topics) => {
          await producer.connect();
          await ask((admin) => admin.fetchTopicMetadata({ topics: [...topics] }));
        },
        send: async (records) => {
          const byTopic = [...Map.groupBy(records, ({ topic }) => topic)];
          const topicMessages = byTopic.map(([topic, of]) => ({ topic, messages: of.map(messageOf) }));
          const attempt = () =>
            producer.connect().then(() => producer.sendBatch({ acks: -1, topicMessages }));
          await retried(attempt, { ...trying, isClosed: () => isClosed });
        },
        close: async () => {
          isClosed = true;
          await producer.disconnect().catch(reasonOf);
        },
      };
    },
    consumer: (options) => kafkajsConsumer(kafka, options),
    admin: () => ({
      createTopic: ({ topic, partitions: numPartitions, replicas: replicationFactor, settings = {} }) => {
        const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
        const topics = [{ topic, numPartitions, replicationFactor, configEntries }];
        return ask((admin) => admin.createTopics({ topics }));
      },
      describeTopic: async (topic) => {
        if (!(await ask((admin) => admin.listTopics())).includes(topic)) return null;
        const [{ partitions }] = (await ask((admin) => admin.fetchTopicMetadata({ topics: [topic] }))).topics;
        const replicas = Math.min(...partitions.map((each) => each.replicas.length));
        const replicasInSync = Math.min(...partitions.map(({ isr }) => isr.length));
        return { topic, partitions: partitions.length, replicas, replicasInSync };
      },
      topicSettings: async (topic) => {
        const resources = [{ type: library.ConfigResourceTypes.TOPIC, name: topic }];
        const asked = ask((admin) => admin.describeConfigs({ resources, includeSynonyms: false }));
        const found = await asked.catch((error: unknown) => {
          if (/authoriz|does not host|not exist/i.test(reasonOf(error))) return null;
          throw error;
        });
        const settings = found?.resources[0].configEntries.map((each) => [each.configName, each.configValue]);
        return settings === undefined ? null : Object.fromEntries(settings);
      },
      addPartitions: async (topic, count) =>
        void (await ask((admin) => admin.createPartitions({ topicPartitions: [{ topic, count }] }))),
      close: () => Promise.resolve(),
    }),
  };
}

function messageOf({ key, value, headers = {}, timestampMs, partition }: KafkaSentRecord): kafkajs.Message {
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
    timestamp: timestampMs?.toString(),
    partition,
  };
}

function saslOf({ mechanism, ...login }: NonNullable<KafkaConnection["sasl"]>): kafkajs.SASLOptions {
  if (mechanism === "PLAIN") return { mechanism: "plain", ...login };
  return { mechanism: mechanism === "SCRAM-SHA-256" ? "scram-sha-256" : "scram-sha-512", ...login };
}
