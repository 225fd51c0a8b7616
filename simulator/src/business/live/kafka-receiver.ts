import type { KafkaProducer, KafkaSentRecord } from "@millrace/kafka";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import type { RecordReceiver } from "./record-receiver.ts";

export interface KafkaReceiverOptions {
  readonly producer: KafkaProducer;
  readonly streams: readonly RecordStreamName[];
  readonly topicOf: (stream: RecordStreamName) => string;
}

/** Records into Kafka, a topic for each stream, acknowledged by all in-sync replicas; tombstones are nulls. */
export class KafkaReceiver implements RecordReceiver {
  readonly #producer: KafkaProducer;
  readonly #topics: ReadonlyMap<RecordStreamName, string>;

  constructor({ producer, streams, topicOf }: KafkaReceiverOptions) {
    this.#producer = producer;
    this.#topics = new Map(streams.map((stream) => [stream, topicOf(stream)]));
  }

  open(): Promise<void> {
    return this.#producer.connect([...this.#topics.values()]);
  }

  send(records: readonly BusinessRecord[]): Promise<void> {
    return this.#producer.send(
      records.map(({ topic, key, json }): KafkaSentRecord => {
        const value = json === null ? null : Buffer.from(json);
        return { topic: this.#topics.get(topic) ?? topic, key, value };
      }),
    );
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}
