import type { KafkaRecord } from "./kafka-record.ts";

/** Records of one partition that follow one another; offsets in between may be missing (compaction, transactions). */
export interface KafkaBatch {
  readonly topic: string;
  readonly partition: number;
  /** May be empty where all was left out by a transaction that was given up. May be made anew whenever it is asked for. */
  readonly records: readonly KafkaRecord[];
  /** The same records' values: enough for whoever wants no more, and cheaper. */
  readonly values: KafkaValues;
  /** Of the same records, ascending. */
  readonly offsets: ArrayLike<number>;
  /** Where to go on once all of it is done: what is committed, or kept as position. */
  readonly nextOffset: number;
  /**
   * Offset behind the last record of the partition when it was fetched: less `nextOffset`, it is the lag. What stands
   * behind an open transaction counts, though it is not given before that ends.
   */
  readonly endOffset: number;
}

/** An array has this shape; views into what was fetched have it too. */
export interface KafkaValues {
  readonly length: number;
  /** Null: a tombstone. */
  at(index: number): Uint8Array | null | undefined;
  /** Of a value, 0 of none: without making a view of it. */
  byteLengthAt?(index: number): number;
  /** Where the value lies, into `span`: without making a view of it. False: there is none, and `span` is as it was. */
  spanAt?(index: number, span: KafkaSpan): boolean;
}

/** Part of some bytes; `end` is behind it. */
export interface KafkaSpan {
  source: Uint8Array;
  start: number;
  end: number;
}
