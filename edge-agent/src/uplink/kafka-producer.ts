/** What the uplink needs of a Kafka client; each is for one connection's life. */
export interface KafkaProducer {
  /** Resolves when the topic is known and writable as far as that can be told; rejects with what a person can act on. */
  connect(): Promise<void>;
  /** One after another: resolves when all in-sync replicas of the partition hold all of them, in this order. */
  send(records: readonly KafkaRecord[]): Promise<void>;
  /** At once; what is under way may still arrive. */
  close(): void;
}

export interface KafkaRecord {
  /** Records of one key are in one partition, in order. */
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}
