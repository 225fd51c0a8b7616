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

  async fill(count: number): Promise<void> {
    const client = new PlatformaticClient({
      brokers: [this.address],
      clientId: "shop",
      tls: null,
      sasl: null,
    });
    const [admin, producer] = [client.admin(), client.producer()];
    try {
      await admin.createTopic({ topic: TOPIC, partitions: PARTITIONS, replicas: 1 });
      await producer.connect([TOPIC]);
      for (let from = 0; from < count; from += SEND_RECORDS) {
        const texts = orderTexts(from, Math.min(SEND_RECORDS, count - from));
        await producer.send(
          texts.map((value, at) => ({ topic: TOPIC, key: null, value, partition: at % PARTITIONS })),
        );
      }
    } finally {
      await Promise.all([admin.close(), producer.close()]);
    }
  }

  stop(): Promise<void> {
    return this.#server.kill();
  }
}
