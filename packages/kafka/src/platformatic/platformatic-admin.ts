import { Admin, ConfigResourceTypes, findErrorBy } from "@platformatic/kafka";
import type { KafkaAdmin, KafkaTopic, NewKafkaTopic } from "../kafka-admin.ts";
import type { KafkaConnection } from "../kafka-connection.ts";
import { clientCloser } from "./client-closer.ts";
import { connectionOptions } from "./connection-options.ts";
import { explainKafka } from "./explain-kafka.ts";
import { isUnknownTopic } from "./is-unknown-topic.ts";

export class PlatformaticAdmin implements KafkaAdmin {
  readonly #admin: Admin;
  readonly #close: () => Promise<void>;
  readonly #brokers: readonly string[];

  constructor(connection: KafkaConnection) {
    this.#brokers = connection.brokers;
    this.#admin = new Admin({ ...connectionOptions(connection), retries: 3, retryDelay: 250 });
    this.#close = clientCloser(this.#admin, (client) => client.close());
    this.#admin.on("error", () => undefined);
  }

  async createTopic({ topic, partitions, replicas, settings = {} }: NewKafkaTopic): Promise<boolean> {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
    try {
      await this.#admin.createTopics({ topics: [topic], partitions, replicas, configs });
      return true;
    } catch (error) {
      if (error instanceof Error && findErrorBy(error, "apiId", "TOPIC_ALREADY_EXISTS") !== null)
        return false;
      throw new Error(explainKafka(error, [topic], this.#brokers), { cause: error });
    }
  }

  async describeTopic(topic: string): Promise<KafkaTopic | null> {
    try {
      const { topics } = await this.#admin.metadata({ topics: [topic], forceUpdate: true, retries: 0 });
      const found = topics.get(topic);
      if (found === undefined) return null;
      const { partitions } = found;
      return {
        topic,
        id: found.id,
        partitions: partitions.length,
        replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        replicasInSync: Math.min(...partitions.map(({ isr }) => isr.length)),
      };
    } catch (error) {
      if (error instanceof Error && isUnknownTopic(error)) return null;
      throw new Error(explainKafka(error, [topic], this.#brokers), { cause: error });
    }
  }

  async topicSettings(topic: string): Promise<Readonly<Record<string, string>> | null> {
    try {
      const [described] = await this.#admin.describeConfigs({
        resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }],
      });
      const settings = described.configs.map(({ name, value }) => [name, value ?? ""] as const);
      return Object.fromEntries(settings);
    } catch (error) {
      const isDenied =
        error instanceof Error && findErrorBy(error, "apiId", "TOPIC_AUTHORIZATION_FAILED") !== null;
      if (isDenied || (error instanceof Error && isUnknownTopic(error))) return null;
      throw new Error(explainKafka(error, [topic], this.#brokers), { cause: error });
    }
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    try {
      await this.#admin.createPartitions({ topics: [{ name: topic, count: partitions, assignments: null }] });
    } catch (error) {
      throw new Error(explainKafka(error, [topic], this.#brokers), { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#close();
  }
}
