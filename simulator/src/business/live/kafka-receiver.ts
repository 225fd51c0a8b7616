import type { KafkaProducer, KafkaProducerOptions, KafkaSentRecord } from "@millrace/kafka";
import type { ReceiverWatch } from "../../publish/receiver-watch.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import type { RecordReceiver } from "./record-receiver.ts";

export interface KafkaReceiverOptions {
  readonly producer: (options: KafkaProducerOptions) => KafkaProducer;
  readonly streams: readonly RecordStreamName[];
  readonly topicOf: (stream: RecordStreamName) => string;
  readonly watch: ReceiverWatch;
}

/** Records into Kafka, a topic for each stream, acknowledged by all in-sync replicas; tombstones are nulls. */
export class KafkaReceiver implements RecordReceiver {
  readonly #producer: KafkaProducer;
  readonly #topics: ReadonlyMap<RecordStreamName, string>;
  readonly #watch: ReceiverWatch;
  #sendingCount = 0;
  #againMax = 0;

  constructor({ producer, streams, topicOf, watch }: KafkaReceiverOptions) {
    this.#watch = watch;
    this.#topics = new Map(streams.map((stream) => [stream, topicOf(stream)]));
    this.#producer = producer({
      onTrouble: (reason) => {
        this.#againMax += this.#sendingCount;
        watch.away(this, reason);
      },
    });
  }

  get againMax(): number {
    return this.#againMax;
  }

  async open(): Promise<null> {
    await this.#producer.connect([...this.#topics.values()]);
    return null;
  }

  async send(records: readonly BusinessRecord[]): Promise<void> {
    this.#sendingCount = records.length;
    await this.#producer.send(
      records.map(({ topic, key, json }): KafkaSentRecord => {
        return { topic: this.#topics.get(topic) ?? topic, key, value: json };
      }),
    );
    this.#sendingCount = 0;
    this.#watch.back(this);
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}
