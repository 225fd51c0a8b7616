import type { KafkaRecord } from "./kafka-record.ts";

/** Records of one partition that follow one another; offsets in between may be missing (compaction, transactions). */
export interface KafkaBatch {
  readonly topic: string;
  readonly partition: number;
  /** May be empty where all was left out by a transaction that was given up. */
  readonly records: readonly KafkaRecord[];
  /** Where to go on once all of it is done: what is committed, or kept as position. */
  readonly nextOffset: number;
  /** Offset behind the last readable record of the partition when it was fetched: less `nextOffset`, it is the lag. */
  readonly endOffset: number;
}
