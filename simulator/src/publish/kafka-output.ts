import type { KafkaProducer, KafkaProducerOptions, KafkaSentRecord } from "@millrace/kafka";
import { reasonOf } from "@millrace/runtime";
import type { OutgoingMessage } from "./outgoing-message.ts";
import { RequestOutput, type RequestOutputOptions } from "./request-output.ts";

export interface KafkaOutputOptions extends RequestOutputOptions {
  readonly producer: (options: KafkaProducerOptions) => KafkaProducer;
  readonly topic: string;
  /** What a record's key is: a message's MQTT topic, or the machine that says it, with the MQTT topic in a header. */
  readonly key: "topic" | "machine";
}

/** Records in one call to the producer. */
const BATCH_RECORDS = 8_000;
const BATCH_BYTES_MAX = 4 * 1_024 * 1_024;

/**
 * Messages into one Kafka topic, those of one key in their order, acknowledged by all in-sync replicas. While brokers are away they wait;
 * what was under way then may come twice.
 */
export class KafkaOutput extends RequestOutput {
  readonly #options: KafkaOutputOptions;
  readonly #producer: KafkaProducer;

  constructor(options: KafkaOutputOptions) {
    super(options);
    this.#options = options;
    this.#producer = options.producer({ onTrouble: (reason) => this.away(reason) });
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#producer.close();
  }

  protected override async request(): Promise<number> {
    const messages = firstBatch(this.line.first(BATCH_RECORDS));
    try {
      await this.#producer.send(messages.map((message) => this.#toRecord(message)));
    } catch (error) {
      this.away(reasonOf(error));
      return this.retryMs();
    }
    this.answered(!this.isHeld);
    this.delivered(messages, messages.length);
    return 0;
  }

  #toRecord({ topic, payload }: OutgoingMessage): KafkaSentRecord {
    const { key } = this.#options;
    const record = { topic: this.#options.topic, value: payload };
    if (key === "topic") return { ...record, key: topic };
    return { ...record, key: machineOf(topic), headers: { topic } };
  }
}

/** As many as one call takes, one at least. */
function firstBatch(waiting: readonly OutgoingMessage[]): readonly OutgoingMessage[] {
  let bytes = 0;
  const end = waiting.findIndex(({ payload }, at) => (bytes += payload.length) > BATCH_BYTES_MAX && at > 0);
  return end === -1 ? waiting : waiting.slice(0, end);
}

/** `site/line/machine` of `factory/<site>/<line>/<machine>/…` */
function machineOf(topic: string): string {
  return topic.split("/").slice(1, 4).join("/");
}
