import { mergeRanges } from "@millrace/stream";
import type { TimeRange } from "@millrace/stream";

/** What of a partition survives a restart. */
export interface PartitionRecord {
  readonly partition: number;
  /** The next offset to read. */
  readonly next: number;
  /** Of which topic that is an offset; absent where nobody has told. */
  readonly topicId?: string | undefined;
  /** Greatest event time of its records; null before the first. */
  readonly latestMs: number | null;
  /** Windows that end before this do not expect it: it came later. */
  readonly joinedMs: number;
  /** Event time of which records were lost; absent where none were. */
  readonly lost?: readonly TimeRange[];
}

type StoredPartition = Omit<PartitionRecord, "joinedMs"> & { readonly joinedMs: number | null };

/** Where it is to be read on. */
export type RecordPosition = Pick<PartitionRecord, "next" | "topicId">;

/** Lost ranges that are kept; of more the nearest are merged, which claims too much lost, never too little. */
const LOST_RANGES_MAX = 32;

/** One partition of a stream: how far it was read, and how far in event time it is. */
export class PartitionClock {
  readonly partition: number;
  readonly joinedMs: number;
  next: number;
  topicId: string | undefined;
  /** -Infinity before the first record. */
  latestMs: number;
  #isAtEnd = false;
  /** When it last had a record with a time, or came to its end behind one; monotonic. */
  #busyAtMs: number;
  /** It has had one since it was at its end; or nobody knows, after a start. */
  #hasGained = true;
  /** The last one ends at TIME_MS_MAX while no record has come behind it. */
  #lost: readonly TimeRange[];

  /** `joinedMs` null: versions before wrote that of one of several that were added at once. */
  constructor(record: StoredPartition, monotonicMs: number) {
    this.partition = record.partition;
    this.joinedMs = record.joinedMs ?? -TIME_MS_MAX;
    this.next = record.next;
    this.topicId = record.topicId;
    this.latestMs = record.latestMs ?? -Infinity;
    this.#busyAtMs = monotonicMs;
    this.#lost = record.lost ?? [];
  }

  /** Records behind its last are gone, which may be as late as that; how late they were, the next one tells. Until then: all from there on. */
  lose(outOfOrdernessMs: number): void {
    const fromMs = this.latestMs === -Infinity ? -TIME_MS_MAX : this.latestMs - outOfOrdernessMs;
    this.#lost = mergeRanges([...this.#lost, { startMs: fromMs, endMs: TIME_MS_MAX }], LOST_RANGES_MAX);
  }

  /** Its offset is one of another topic, that had the same name. */
  isOfAnother(topicId: string | undefined): boolean {
    return this.topicId !== undefined && topicId !== undefined && this.topicId !== topicId;
  }

  /** The first record behind a loss. */
  resume(timeMs: number): void {
    const open = this.#lost.at(-1);
    if (open?.endMs !== TIME_MS_MAX) return;
    const { startMs } = open;
    this.#lost = [...this.#lost.slice(0, -1), { startMs, endMs: Math.max(timeMs, startMs + 1) }];
  }

  /** Of what lies before this, all windows are final. */
  forgetLost(beforeMs: number): void {
    if (this.#lost.some(({ endMs }) => endMs <= beforeMs))
      this.#lost = this.#lost.filter(({ endMs }) => endMs > beforeMs);
  }

  /** It has had records with a time. Others tell nothing of how far it is. */
  busy(monotonicMs: number): void {
    this.#busyAtMs = monotonicMs;
    this.#hasGained = true;
  }

  /** Whether everything that was there to be read has been. */
  atEnd(isAtEnd: boolean, monotonicMs: number): void {
    if (isAtEnd && this.#hasGained) {
      this.#busyAtMs = monotonicMs;
      this.#hasGained = false;
    }
    this.#isAtEnd = isAtEnd;
  }

  /**
   * Without a record that has a time for so long, and read to its end, or one that never had any: nothing of it holds a window
   * open. One that was not read yet is waited for.
   */
  isIdle(idleTimeoutMs: number, monotonicMs: number): boolean {
    const hasOnlyJunk = this.latestMs === -Infinity && this.next > 0;
    return (this.#isAtEnd || hasOnlyJunk) && monotonicMs - this.#busyAtMs >= idleTimeoutMs;
  }

  export(): PartitionRecord {
    const { partition, next, topicId, latestMs, joinedMs } = this;
    const known = {
      partition,
      next,
      latestMs: latestMs === -Infinity ? null : latestMs,
      joinedMs,
      ...(topicId === undefined ? {} : { topicId }),
    };
    return this.#lost.length === 0 ? known : { ...known, lost: this.#lost };
  }
}

/** Behind every calendar's last day. */
const TIME_MS_MAX = 8.64e15;
