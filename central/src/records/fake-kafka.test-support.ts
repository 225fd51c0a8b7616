import type {
  KafkaAdmin,
  KafkaBatch,
  KafkaClient,
  KafkaConsumer,
  KafkaConsumerOptions,
  KafkaPosition,
  KafkaProducer,
  KafkaRange,
  KafkaRecord,
  KafkaSentRecord,
  KafkaSkip,
} from "@millrace/kafka";

interface Log {
  start: number;
  readonly records: Omit<KafkaRecord, "offset">[];
}

/** One topic in memory, as its reader sees it. */
export class FakeKafka implements KafkaClient {
  readonly #topic: string;
  #logs: Log[] | null = null;
  #madeCount = 1;
  readonly #consumers = new Set<FakeConsumer>();
  /** Records that a batch has at most. */
  batchMax = 10;
  readonly committed = new Map<number, number>();
  isAway = false;
  /** Neither commits nor questions for the topic are answered, until whoever asks has closed. */
  hangs = false;
  /** What it takes until it tells where partitions end. */
  gate: Promise<void> = Promise.resolve();
  /** Ends the next call of `next`. */
  failure: Error | null = null;
  /** Records that nobody can read. */
  damaged: KafkaSkip | null = null;
  /** Partitions that another member of the group reads. */
  readonly others = new Set<number>();

  constructor(topic: string) {
    this.#topic = topic;
  }

  create(partitions: number): void {
    this.#logs ??= [];
    while (this.#logs.length < partitions) this.#logs.push({ start: 0, records: [] });
    for (const consumer of this.#consumers) consumer.assign();
  }

  send(partition: number, values: readonly (Uint8Array | null)[]): void {
    this.#append(
      partition,
      values.map((value) => ({ timestampMs: 0, key: null, value, headers: [] })),
    );
  }

  #append(partition: number, records: readonly Omit<KafkaRecord, "offset">[]): void {
    this.#log(partition).records.push(...records);
    for (const consumer of this.#consumers) consumer.wake();
  }

  /** Fetches fail, while the broker answers all else. */
  trouble(reason: string): void {
    for (const consumer of this.#consumers) consumer.trouble(reason);
  }

  /** Retention deletes what lies before this offset. */
  expire(partition: number, start: number): void {
    this.#log(partition).start = start;
  }

  /** The whole topic is deleted and made again. */
  remakeTopic(partitions: number): void {
    this.#logs = null;
    this.#madeCount += 1;
    this.create(partitions);
  }

  /** The topic is deleted and made again. */
  remake(partition: number): void {
    this.#logs?.splice(partition, 1, { start: 0, records: [] });
  }

  fail(failure: Error): void {
    this.failure = failure;
    for (const consumer of this.#consumers) consumer.wake();
  }

  consumer(options: KafkaConsumerOptions): KafkaConsumer {
    const consumer = new FakeConsumer(this, options, () => this.#consumers.delete(consumer));
    this.#consumers.add(consumer);
    queueMicrotask(() => consumer.assign());
    return consumer;
  }

  producer(): KafkaProducer {
    return {
      connect: async () => this.#answer(),
      send: async (records) => {
        this.#answer();
        for (const record of records) this.#append(this.#partitionOf(record), [heldOf(record)]);
      },
      close: () => Promise.resolve(),
    };
  }

  get topicId(): string {
    return `${this.#topic} ${this.#madeCount}`;
  }

  admin(): KafkaAdmin {
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => undefined);
    return {
      createTopic: () => Promise.resolve(false),
      describeTopic: (topic) => {
        if (this.hangs) return closed.promise;
        if (this.isAway) return Promise.reject(new Error("no broker answers"));
        const partitions = this.#logs?.length ?? 0;
        return Promise.resolve(
          partitions === 0 ? null : { topic, id: this.topicId, partitions, replicas: 1, replicasInSync: 1 },
        );
      },
      topicSettings: () => Promise.resolve(null),
      addPartitions: () => Promise.resolve(),
      close: async () => closed.reject(new Error("closed")),
    };
  }

  #answer(): void {
    if (this.isAway) throw new Error("no broker answers");
  }

  #partitionOf({ key }: KafkaSentRecord): number {
    const sum = Buffer.from(key ?? "").reduce((total, byte) => total + byte, 0);
    return sum % (this.#logs?.length ?? 1);
  }

  ranges(): KafkaRange[] {
    this.#answer();
    return (this.#logs ?? []).map(({ start, records }, partition) => ({
      topic: this.#topic,
      partition,
      startOffset: start,
      endOffset: records.length,
    }));
  }

  /** What follows at a position; null: nothing yet; a position: it has to go on there. */
  read({ partition, offset }: KafkaPosition): KafkaBatch | KafkaSkip | null {
    if (this.isAway) return null;
    if (this.damaged?.partition === partition && this.damaged.offset === offset) return this.damaged;
    const { start, records } = this.#log(partition);
    if (offset < start || offset > records.length)
      return { topic: this.#topic, partition, offset, nextOffset: start };
    const readableTo = this.damaged?.partition === partition ? this.damaged.offset : Infinity;
    const found = records.slice(
      offset,
      Math.min(offset + this.batchMax, offset < readableTo ? readableTo : Infinity),
    );
    if (found.length === 0) return null;
    const values = found.map(({ value }) => value);
    return {
      topic: this.#topic,
      partition,
      records: found.map((record, at) => ({ ...record, offset: offset + at })),
      values,
      offsets: values.map((_, at) => offset + at),
      nextOffset: offset + values.length,
      endOffset: records.length,
    };
  }

  #log(partition: number): Log {
    const log = this.#logs?.[partition];
    if (log === undefined) throw new Error(`no partition ${partition}`);
    return log;
  }
}

function heldOf({ key, value, headers = {}, timestampMs = 0 }: KafkaSentRecord): Omit<KafkaRecord, "offset"> {
  const bytesOf = (field: string | Uint8Array | null) =>
    typeof field === "string" ? Buffer.from(field) : field;
  return {
    timestampMs,
    key: bytesOf(key),
    value: bytesOf(value),
    headers: Object.entries(headers).map(([name, field]) => [name, bytesOf(field)]),
  };
}

class FakeConsumer implements KafkaConsumer {
  readonly #kafka: FakeKafka;
  readonly #options: KafkaConsumerOptions;
  readonly #onClose: () => void;
  readonly #positions = new Map<number, number>();
  readonly #paused = new Set<number>();
  #wake = Promise.withResolvers<undefined>();
  #isClosed = false;
  readonly #closed = Promise.withResolvers<never>();

  constructor(kafka: FakeKafka, options: KafkaConsumerOptions, onClose: () => void) {
    this.#kafka = kafka;
    this.#options = options;
    this.#onClose = onClose;
    this.#closed.promise.catch(() => undefined);
  }

  get assigned() {
    const [topic] = this.#options.topics;
    return [...this.#positions.keys()].map((partition) => ({ topic, partition }));
  }

  assign(): void {
    const own = this.#kafka.ranges().filter(({ partition }) => !this.#kafka.others.has(partition));
    const added = own.filter(({ partition }) => !this.#positions.has(partition));
    void this.#options.positions?.(added).then((positions) => {
      for (const { partition, offset } of positions) this.#positions.set(partition, offset);
      this.wake();
    });
  }

  trouble(reason: string): void {
    this.#options.onTrouble?.(reason);
  }

  wake(): void {
    this.#wake.resolve(undefined);
  }

  async next(): Promise<KafkaBatch | null> {
    for (;;) {
      if (this.#isClosed) return null;
      const { failure } = this.#kafka;
      this.#kafka.failure = null;
      if (failure !== null) throw failure;
      const [topic] = this.#options.topics;
      const { [topic]: meantId = this.#kafka.topicId } = this.#options.topicIds ?? {};
      if (meantId !== this.#kafka.topicId) {
        this.#options.onRemade?.(topic);
        if (this.#isClosed) return null;
      }
      for (const [partition, offset] of this.#positions) {
        if (this.#paused.has(partition) || meantId !== this.#kafka.topicId) continue;
        const position = { topic, partition, offset };
        const found = this.#kafka.read(position);
        if (found === null) continue;
        if ("records" in found) {
          // The next one's turn comes first.
          this.#positions.delete(partition);
          this.#positions.set(partition, found.nextOffset);
          return found;
        }
        this.#positions.set(partition, found.nextOffset);
        this.#options.onSkipped?.(found);
        this.wake();
      }
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  seek(): void {}

  pause(partitions: readonly { readonly partition: number }[]): void {
    for (const { partition } of partitions) this.#paused.add(partition);
  }

  resume(partitions: readonly { readonly partition: number }[]): void {
    for (const { partition } of partitions) this.#paused.delete(partition);
    this.wake();
  }

  commit(positions: readonly KafkaPosition[]): Promise<void> {
    if (this.#kafka.hangs) return this.#closed.promise;
    for (const { partition, offset } of positions) this.#kafka.committed.set(partition, offset);
    return Promise.resolve();
  }

  async ranges(): Promise<readonly KafkaRange[]> {
    await this.#kafka.gate;
    return this.#kafka.ranges();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#closed.reject(new Error("closed"));
    this.wake();
    this.#onClose();
    return Promise.resolve();
  }
}
