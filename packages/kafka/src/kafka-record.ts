/** One record that a topic holds. Its bytes are views into what was fetched: good until the next batch is asked for, and longer where they are kept. */
export interface KafkaRecord {
  /** In its partition. Kafka's are 64-bit; no log reaches 2^53. */
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  /** Null: a tombstone. */
  readonly value: Uint8Array | null;
  /** In order; a name may come twice. */
  readonly headers: readonly KafkaHeader[];
}

export type KafkaHeader = readonly [name: string, value: Uint8Array | null];
