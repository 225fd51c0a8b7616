import type { KafkaProducer, KafkaProducerOptions, KafkaSentRecord } from "@millrace/kafka";
import {
  createBackoff,
  reasonOf,
  type Backoff,
  type Clock,
  type Random,
  type Timer,
} from "@millrace/runtime";
import type { OutgoingMessage } from "./outgoing-message.ts";
import type { Output } from "./output.ts";
import type { ReceiverWatch } from "./receiver-watch.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface KafkaOutputOptions {
  readonly producer: (options: KafkaProducerOptions) => KafkaProducer;
  readonly topic: string;
  /** What a record's key is: a message's MQTT topic, or the machine that says it, with the MQTT topic in a header. */
  readonly key: "topic" | "machine";
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: ReceiverWatch;
  readonly onDelivered: (message: OutgoingMessage) => void;
}

const RETRY_FIRST_MS = 200;
const RETRY_MS_MAX = 5_000;
/** Records in one call to the producer. */
const BATCH_RECORDS = 8_000;
const BATCH_BYTES_MAX = 4 * 1_024 * 1_024;

/**
 * Messages into one Kafka topic, those of one key in their order, acknowledged by all in-sync replicas. While brokers are away they wait;
 * what was under way then may come twice.
 */
export class KafkaOutput implements Output {
  readonly #options: KafkaOutputOptions;
  readonly #producer: KafkaProducer;
  readonly #line = new WaitingLine();
  readonly #backoff: Backoff;
  #retry: Timer | null = null;
  #isSending = false;
  #isOpen = false;
  #isClosed = false;
  #isConnected = false;
  #holdCount = 0;
  #backCount = 0;

  constructor(options: KafkaOutputOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ random: options.random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MS_MAX });
    this.#producer = options.producer({ onTrouble: (reason) => this.#onTrouble(reason) });
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get isHeld(): boolean {
    return this.#holdCount > 0;
  }

  get reconnectCount(): number {
    return Math.max(0, this.#backCount - 1);
  }

  waitingNumbers(): Iterable<number> {
    return this.#line.numbers();
  }

  open(): void {
    this.#isOpen = true;
    void this.#sendAll();
  }

  send(message: OutgoingMessage): void {
    this.#line.push(message);
    void this.#sendAll();
  }

  hold(): void {
    this.#holdCount++;
    this.#isConnected = false;
  }

  resume(): void {
    if (this.#holdCount === 0) return;
    this.#holdCount--;
    void this.#sendAll();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    return this.#producer.close();
  }

  async #sendAll(): Promise<void> {
    if (this.#isSending || this.#retry !== null) return;
    this.#isSending = true;
    // What is said in the same breath goes into one request.
    await Promise.resolve();
    let waitMs = 0;
    while (this.#isOpen && !this.#isClosed && this.#holdCount === 0 && waitMs === 0 && this.#line.length > 0)
      waitMs = await this.#deliver(firstBatch(this.#line.first(BATCH_RECORDS)));
    this.#isSending = false;
    if (waitMs === 0 || this.#isClosed) return;
    this.#retry = this.#options.clock.after(waitMs, () => {
      this.#retry = null;
      void this.#sendAll();
    });
  }

  /** How long to wait before the next try; 0: not at all. */
  async #deliver(messages: readonly OutgoingMessage[]): Promise<number> {
    try {
      await this.#producer.send(messages.map((message) => this.#toRecord(message)));
    } catch (error) {
      this.#onTrouble(reasonOf(error));
      return Math.max(1, this.#backoff.nextMs());
    }
    if (!this.#isConnected) this.#backCount++;
    this.#isConnected = this.#holdCount === 0;
    this.#backoff.reset();
    this.#options.watch.back(this);
    this.#line.drop(messages.length);
    for (const message of messages) this.#options.onDelivered(message);
    return 0;
  }

  #onTrouble(reason: string): void {
    this.#isConnected = false;
    if (!this.#isClosed) this.#options.watch.away(this, reason);
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
