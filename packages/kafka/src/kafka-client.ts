import type { KafkaAdmin } from "./kafka-admin.ts";
import type { KafkaConsumer, KafkaConsumerOptions } from "./kafka-consumer.ts";
import type { KafkaProducer, KafkaProducerOptions } from "./kafka-producer.ts";

/** All that Millrace wants of a Kafka client library; one contract test holds for each adapter. */
export interface KafkaClient {
  producer(options?: KafkaProducerOptions): KafkaProducer;
  consumer(options: KafkaConsumerOptions): KafkaConsumer;
  admin(): KafkaAdmin;
}
