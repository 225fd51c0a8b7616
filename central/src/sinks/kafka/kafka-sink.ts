import { RecordTooLargeError } from "@millrace/kafka";
import type { KafkaAdmin, KafkaClient, KafkaProducer, KafkaSentRecord } from "@millrace/kafka";
import { MillraceError } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { SinkTarget, SinkWritten } from "../sink-target.ts";

/** The latest of each key, and none longer than the retention. */
const CLEANUP_POLICY = "compact,delete";
/** A topic that was just made is not known to every broker yet. */
const NEW_TOPIC_TRIES = 20;
const NEW_TOPIC_WAIT_MS = 250;
/** A request that nobody answers is repeated minutes later; after so long it is said. */
const SILENCE_MS = 10_000;
/** Of values in one request: all of a partition's are one batch there, which brokers take up to 1 MiB of. */
const REQUEST_BYTES_MAX = 524_288;
/** A topic that takes no record of so many bytes is to be set right: Kafka's own limit is 1 MiB with all that belongs to it. */
const TOPIC_BYTES_MIN = 1_000_000;

export interface KafkaSinkOptions<Item> {
  readonly name: string;
  readonly client: KafkaClient;
  /** For people: its brokers. */
  readonly brokers: string;
  readonly topic: {
    readonly topic: string;
    /** Of one that is made. */
    readonly partitions: number;
    readonly replicas: number;
  };
  readonly retentionMs: number;
  /** The key says what it replaces. */
  readonly recordOf: (item: Item) => { readonly key: string; readonly value: unknown };
  readonly wait: (delayMs: number) => Promise<void>;
  readonly log: Logger;
}

/**
 * One topic. Its producer lives as long as central: what is still under way keeps its order with what follows, which it
 * would not with another's. So a write waits as long as brokers are away, and says so; nothing is written before it is held.
 */
export class KafkaSink<Item> implements SinkTarget<Item> {
  readonly name: string;
  readonly #options: KafkaSinkOptions<Item>;
  readonly #admin: KafkaAdmin;
  #producer: KafkaProducer | null = null;
  #isConnected = false;
  #isThere = false;
  #isClosed = false;
  #isLooking = false;
  #onTrouble: (trouble: MillraceError) => void = () => {};

  constructor(options: KafkaSinkOptions<Item>) {
    this.name = options.name;
    this.#options = options;
    this.#admin = options.client.admin();
  }

  /** The topic is made with the first record: until then nobody can take it for one that holds something. */
  async open(): Promise<{ readonly holdsAll: boolean }> {
    const { topic } = this.#options.topic;
    return this.#asking(async () => {
      this.#isThere = (await this.#admin.describeTopic(topic)) !== null;
      if (this.#isThere) {
        await this.#check();
        await this.#connect();
      }
      return { holdsAll: this.#isThere };
    });
  }

  async write(items: readonly Item[], onTrouble: (trouble: MillraceError) => void): Promise<SinkWritten> {
    this.#onTrouble = onTrouble;
    return this.#asking(async () => {
      if (!this.#isThere) await this.#make();
      let refused = 0;
      for (const request of this.#requestsOf(items)) if (!(await this.#send(request))) refused += 1;
      return { taken: items.length - refused, ...(refused === 0 ? {} : { refused }) };
    });
  }

  close(): void {
    this.#isClosed = true;
    void this.#producer?.close();
    void this.#admin.close();
  }

  /** In order. One that is too large for any goes alone. */
  *#requestsOf(items: readonly Item[]): Generator<KafkaSentRecord[]> {
    const { recordOf, topic } = this.#options;
    let records: KafkaSentRecord[] = [];
    let bytes = 0;
    for (const item of items) {
      const { key, value } = recordOf(item);
      const record = { topic: topic.topic, key, value: Buffer.from(JSON.stringify(value)) };
      if (records.length > 0 && bytes + record.value.length > REQUEST_BYTES_MAX) {
        yield records;
        records = [];
        bytes = 0;
      }
      records.push(record);
      bytes += record.value.length;
    }
    yield records;
  }

  /** False: it is one record that is left out, for nothing but another topic would take it. */
  async #send(records: readonly KafkaSentRecord[]): Promise<boolean> {
    const producer = await this.#connect();
    try {
      await producer.send(records);
      return true;
    } catch (error) {
      // It was told no: nothing is under way, and the next one begins anew.
      this.#isConnected = false;
      this.#producer = null;
      await producer.close();
      const [{ topic, key: record, value }] = records;
      const bytes = value?.length ?? 0;
      if (!(error instanceof RecordTooLargeError) || bytes <= TOPIC_BYTES_MIN) throw error;
      this.#options.log.repeated(
        `${topic} too large`,
        "a record is larger than the topic takes, and is left out; its next revision may be smaller, or set the topic's max.message.bytes higher",
        { topic, record, bytes },
      );
      return false;
    }
  }

  async #make(): Promise<void> {
    const { topic, retentionMs, wait, log } = this.#options;
    const settings = { "cleanup.policy": CLEANUP_POLICY, "retention.ms": String(retentionMs) };
    const isMade = await this.#admin.createTopic({ ...topic, settings });
    for (let tries = 1; (await this.#admin.describeTopic(topic.topic)) === null; tries += 1) {
      if (tries >= NEW_TOPIC_TRIES || this.#isClosed) break;
      await wait(NEW_TOPIC_WAIT_MS);
    }
    if (isMade) log.info("a topic was made", { ...topic, ...settings });
    this.#isThere = true;
  }

  /** One that others have made is used as it is, and what it lacks is said. */
  async #check(): Promise<void> {
    const { topic, retentionMs, log } = this.#options;
    const settings = await this.#admin.topicSettings(topic.topic);
    if (settings === null) return;
    const policy = settings["cleanup.policy"] ?? "";
    if (policy.split(",").toSorted().join(",") !== CLEANUP_POLICY)
      log.repeated(
        `${topic.topic} cleanup.policy`,
        "a topic keeps records otherwise than it should: only the latest of each key is needed, and none for ever",
        { topic: topic.topic, "cleanup.policy": policy, "should be": CLEANUP_POLICY },
      );
    const keptMs = Number(settings["retention.ms"]);
    if (policy.includes("delete") && keptMs >= 0 && keptMs < retentionMs)
      log.repeated(
        `${topic.topic} retention.ms`,
        "a topic forgets windows earlier than the configuration says",
        { topic: topic.topic, "retention.ms": keptMs, "should be": retentionMs },
      );
  }

  async #connect(): Promise<KafkaProducer> {
    const { client, topic } = this.#options;
    if (this.#isClosed) throw new Error("central stops");
    this.#producer ??= client.producer({
      onTrouble: (reason) => this.#waits(reason),
      silenceMs: SILENCE_MS,
    });
    const producer = this.#producer;
    if (!this.#isConnected) await producer.connect([topic.topic]);
    this.#isConnected = true;
    return producer;
  }

  #waits(reason: string): void {
    this.#onTrouble(this.#unreachable(reason));
    if (this.#isLooking) return;
    this.#isLooking = true;
    // A topic that was deleted does not come back by waiting: the write ends, and the next one makes it.
    this.#admin
      .describeTopic(this.#options.topic.topic)
      .then((found) => (found === null ? this.#producer?.close() : undefined))
      .catch(() => undefined)
      .finally(() => (this.#isLooking = false));
  }

  #unreachable(reason: string, cause?: unknown): MillraceError {
    const { brokers, topic } = this.#options;
    return new MillraceError("kafka_sink", { topic: topic.topic, brokers, reason }, { cause });
  }

  async #asking<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      // The client's errors say all of it by themselves; what lies behind them says "failed".
      throw this.#unreachable(error instanceof Error ? error.message : String(error), error);
    }
  }
}
