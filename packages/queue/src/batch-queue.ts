import type { BatchKind, LaneMarks } from "@millrace/wire";
import type { Lane, TimeRange } from "@millrace/stream";
import type { Change, Store } from "./store.ts";

/** What an append adds to the body; sequence, epoch and store id are the queue's. */
export interface AppendFields {
  readonly lane: Lane;
  readonly kind: BatchKind;
  readonly body: Uint8Array;
  readonly isCompressed: boolean;
  readonly bodyBytesRaw: number;
  readonly readingCount: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly sealedAtMs: number;
}

export interface QueuedBatch {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** Sequences: held are oldest … next − 1; acknowledged up to `acked`; sent at most up to `sent`. The sums are of unacknowledged batches. */
export interface LaneState {
  readonly oldest: number;
  readonly acked: number;
  readonly sent: number;
  readonly next: number;
  readonly queuedBatches: number;
  readonly queuedBytes: number;
  /** Readings in queued `panes` batches. */
  readonly queuedReadings: number;
  /** Bytes of acknowledged batches kept for a central that was restored. */
  readonly retainedBytes: number;
}

/** What an acknowledgement, a rewind, a trim or an eviction moved. `readings` counts those in `panes` batches. */
export interface Moved {
  readonly batches: number;
  readonly bytes: number;
  readonly readings: number;
}

export interface TrimOptions {
  readonly nowMs: number;
  readonly retainAckedMs: number;
  /** Most bytes of the whole queue: above it, acknowledged batches go before their time. */
  readonly bytesMax: number;
}

export type VerifyRow =
  | { readonly type: "lane"; readonly lane: Lane; readonly state: LaneState }
  | { readonly type: "damaged"; readonly lane: Lane; readonly sequence: number; readonly reason: string };

/**
 * The outbox: a durable ordered queue of sealed batches in three lanes of one Store.
 *
 * Every mutation is written into the caller's `changes`, to be committed together with the caller's own state. Memory
 * is ahead of the disk from the call on: the caller must commit exactly these changes, in the order of the calls, and
 * if the commit fails retry the very same until it succeeds (or drop the queue and open it again).
 */
export interface BatchQueueInterface {
  // static open(store: Store, options: { random: { hex(count: number): string } }): Promise<BatchQueue>
  readonly storeId: string;
  readonly epoch: number;
  lane(lane: Lane): LaneState;
  /** For hello. */
  marks(): Record<Lane, LaneMarks>;
  /** Gives the batch its sequence and seals it under the current epoch. */
  append(changes: Change[], fields: AppendFields): QueuedBatch;
  /** Commit with `isSync` before sending. */
  markSent(changes: Change[], lane: Lane, sequence: number): void;
  /** Central holds everything up to `sequence`. What it moved is the ledger's `forwarded`. */
  ack(changes: Change[], lane: Lane, sequence: number, nowMs: number): Moved;
  /** Central was restored and holds less than it acknowledged: batches above `mark` still kept are queued again. */
  rewind(changes: Change[], lane: Lane, mark: number): Moved;
  /** Deletes acknowledged batches, oldest first, at most TRIM_BATCHES_MAX a lane and call. */
  trim(changes: Change[], options: TrimOptions): Moved & { readonly hasMore: boolean };
  /**
   * Gives up the oldest unsent batches of the lane until `bytesWanted` are freed, and puts one `skipped` batch in their
   * place, under the first one's sequence: nothing is left to append. The result counts only what was really lost now.
   */
  evictOldest(changes: Change[], lane: Lane, bytesWanted: number, nowMs: number): Moved & { readonly from: number; readonly to: number };
  /** Batches above `sent` and all new ones belong to `epoch` from here on. One small change, whatever their number. */
  assignEpoch(changes: Change[], epoch: number): void;
  /**
   * The batches among sequences `fromSequence` … `fromSequence + limit − 1`, ascending; fewer where some were given up,
   * or are not committed yet. A damaged one comes as a `skipped` batch in its place.
   */
  read(lane: Lane, fromSequence: number, limit: number): Promise<QueuedBatch[]>;
  /** Event time of unacknowledged `panes` batches: disjoint, ascending, at most PENDING_RANGES_MAX. */
  pendingRanges(lane: Lane): readonly TimeRange[];
  verify(): AsyncIterable<VerifyRow>;
  /** Gives the disk space of trimmed batches back; for idle time. */
  compact(): Promise<void>;
}
export type { Store };
