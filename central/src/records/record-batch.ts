import type { KafkaSpan, KafkaValues } from "@millrace/kafka";

/** Records of one partition in the order of their offsets, as a source hands them over. */
export interface RecordBatch {
  readonly partition: number;
  /** Each record's bytes; null where it has none (a tombstone). */
  readonly values: RecordValues;
  /** Of each record, ascending; null: they follow one another from the partition's position on. */
  readonly offsets: ArrayLike<number> | null;
  /** The position once all of it is taken; with `offsets` null it is the one behind the last record. */
  readonly nextOffset: number | null;
  /** Nothing more is there to be read now. */
  readonly isAtEnd: boolean;
  /** The source has no more what lay between the position and here: reading goes on here, wherever the position was. */
  readonly resumedAt?: number;
  /** Which topic of its name it is of: one that is made anew is another. Absent where nobody tells. */
  readonly topicId?: string | undefined;
  /** The topic has this partition no more. */
  readonly isGone?: boolean;
  /** The source has it, and nobody can read it. */
  readonly damage?: { readonly reason: string; readonly bytes: Uint8Array };
}

/** An array, or views that are made when they are asked for: as Kafka's batches have them. */
export type RecordValues = KafkaValues;
export type RecordSpan = KafkaSpan;

/** What became of a batch, once it is durable. */
export interface RecordOutcome {
  readonly received: number;
  /** In windows, or by rules alone where none of the metrics is in one. */
  readonly taken: number;
  readonly duplicates: number;
  readonly setAside: number;
  readonly tooLate: number;
  readonly noEffect: number;
  readonly rejectedCount: number;
  /** Beside `received`: records between the position and where the source could go on. */
  readonly lost: number;
  /** The first of those that were rejected, and of those that were set aside, in the order of the batch. */
  readonly rejected: readonly ToldRecord[];
  readonly aside: readonly ToldRecord[];
}

/** One that was not taken; by its place in the batch, from 0. */
export interface ToldRecord {
  readonly index: number;
  readonly reason: string;
  readonly detail: string;
}

/** Of each kind in one outcome. */
export const RECORDS_TOLD_MAX = 100;
