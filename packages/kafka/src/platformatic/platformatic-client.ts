import { systemClock, systemRandom, type Clock, type Random } from "@millrace/runtime";
import type { KafkaAdmin } from "../kafka-admin.ts";
import type { KafkaClient } from "../kafka-client.ts";
import type { KafkaConnection } from "../kafka-connection.ts";
import type { KafkaConsumer, KafkaConsumerOptions } from "../kafka-consumer.ts";
import type { KafkaProducer, KafkaProducerOptions } from "../kafka-producer.ts";
import { BulkProducer } from "./bulk-producer.ts";
import { PlatformaticAdmin } from "./platformatic-admin.ts";
import { PlatformaticConsumer } from "./platformatic-consumer.ts";
import { PlatformaticProducer } from "./platformatic-producer.ts";

/** Apache Kafka by `@platformatic/kafka`. */
export class PlatformaticClient implements KafkaClient {
  readonly #connection: KafkaConnection;
  readonly #world: { readonly clock: Clock; readonly random: Random };

  constructor(connection: KafkaConnection, world = { clock: systemClock, random: systemRandom }) {
    this.#connection = connection;
    this.#world = world;
  }

  producer(options: KafkaProducerOptions = {}): KafkaProducer {
    return new PlatformaticProducer(this.#connection, options, this.#world);
  }

  /** For hundreds of thousands of records a second. */
  bulkProducer(options: KafkaProducerOptions = {}): KafkaProducer {
    return new BulkProducer(this.#connection, options, this.#world);
  }

  consumer(options: KafkaConsumerOptions): KafkaConsumer {
    return new PlatformaticConsumer(this.#connection, options, this.#world);
  }

  admin(): KafkaAdmin {
    return new PlatformaticAdmin(this.#connection);
  }
}
