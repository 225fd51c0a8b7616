/** What of a partition survives a restart. */
export interface PartitionRecord {
  readonly partition: number;
  /** The next offset to read. */
  readonly next: number;
  /** Greatest event time of its records; null before the first. */
  readonly latestMs: number | null;
  /** Windows that end before this do not expect it: it came later. */
  readonly joinedMs: number;
}

/** One partition of a stream: how far it was read, and how far in event time it is. */
export class PartitionClock {
  readonly partition: number;
  readonly joinedMs: number;
  next: number;
  /** -Infinity before the first record. */
  latestMs: number;
  /** Everything that was there to be read has been. */
  isAtEnd = false;
  /** When it last had a record, or came to its end; monotonic. */
  #busyAtMs: number;

  constructor(record: PartitionRecord, monotonicMs: number) {
    this.partition = record.partition;
    this.joinedMs = record.joinedMs;
    this.next = record.next;
    this.latestMs = record.latestMs ?? -Infinity;
    this.#busyAtMs = monotonicMs;
  }

  /** It has had records, or is being read. */
  busy(monotonicMs: number): void {
    this.#busyAtMs = monotonicMs;
  }

  /** Read to its end, and without a record for so long: nothing of it holds a window open. */
  isIdle(idleTimeoutMs: number, monotonicMs: number): boolean {
    return this.isAtEnd && monotonicMs - this.#busyAtMs >= idleTimeoutMs;
  }

  export(): PartitionRecord {
    const { partition, next, latestMs, joinedMs } = this;
    return { partition, next, latestMs: latestMs === -Infinity ? null : latestMs, joinedMs };
  }
}
