import { PlatformaticClient } from "@millrace/kafka";
import type { KafkaServer } from "../../scripts/stack/kafka-server.ts";
import { startBenchKafka } from "./bench-kafka.ts";
import { orderTexts } from "./order-texts.ts";

const TOPIC = "orders";
const PARTITIONS = 4;
const SEND_RECORDS = 8_000;

/** A real Kafka with orders in four partitions, in turn. */
export class OrdersTopic {
  readonly topic = TOPIC;
  readonly #server: KafkaServer;

  private constructor(server: KafkaServer) {
    this.#server = server;
  }

  /** Throws `StackUnavailable` where Java or its jars cannot be had. */
  static async start(folder: string): Promise<OrdersTopic> {
    return new OrdersTopic(await startBenchKafka(folder));
  }

  get address(): string {
    return this.#server.address;
  }

  async create(...topics: readonly string[]): Promise<void> {
    const admin = this.#client().admin();
    try {
      for (const topic of topics) await admin.createTopic({ topic, partitions: PARTITIONS, replicas: 1 });
    } finally {
      await admin.close();
    }
  }

  async fill(count: number): Promise<void> {
    await this.create(TOPIC);
    const producer = this.#client().producer();
    try {
      await producer.connect([TOPIC]);
      for (let from = 0; from < count; from += SEND_RECORDS) {
        const texts = orderTexts(from, Math.min(SEND_RECORDS, count - from));
        await producer.send(
          texts.map((value, at) => ({ topic: TOPIC, key: null, value, partition: at % PARTITIONS })),
        );
      }
    } finally {
      await producer.close();
    }
  }

  #client(): PlatformaticClient {
    return new PlatformaticClient({ brokers: [this.address], clientId: "shop", tls: null, sasl: null });
  }

  stop(): Promise<void> {
    return this.#server.kill();
  }
}
