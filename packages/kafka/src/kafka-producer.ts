/** Writes records; for one connection's life. */
export interface KafkaProducer {
  /** Resolves when the topics are known and writable as far as that can be told; rejects with what a person can act on. */
  connect(topics: readonly string[]): Promise<void>;
  /**
   * One call after another: resolves when all in-sync replicas hold all records, those of a partition in this order. Rejects
   * when that cannot be told: some may be there, and sending them again may repeat them, never reorder them. With
   * `RecordTooLargeError` (not by kafkajs) where one is larger than its topic takes.
   */
  send(records: readonly KafkaSentRecord[]): Promise<void>;
  /** At once; what is under way may still arrive, and its `send` rejects. */
  close(): Promise<void>;
}

export interface KafkaSentRecord {
  readonly topic: string;
  /** Records of one key are in one partition, the one that Java's clients choose; null: any. */
  readonly key: string | Uint8Array | null;
  /** A text goes as UTF-8. Null: a tombstone. */
  readonly value: string | Uint8Array | null;
  readonly headers?: Readonly<Record<string, string | Uint8Array>>;
  /** Absent: the client's clock. */
  readonly timestampMs?: number;
  /** Instead of the key's. */
  readonly partition?: number;
}

export interface KafkaProducerOptions {
  /** How long `send` goes on trying while brokers are away; what waiting cannot mend rejects at once. Absent: until `close`. */
  readonly patienceMs?: number;
  /** Told, at each failed try, why it waits. */
  readonly onTrouble?: (reason: string) => void;
  /** Of a try that nobody has answered for so long it is told, too, once, and waits on. Absent: when it has failed, minutes later. */
  readonly silenceMs?: number;
}
