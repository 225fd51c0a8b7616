import type { RecordStreamConfig } from "@millrace/config";
import { PartitionClock } from "./partition-clock.ts";
import type { PartitionRecord } from "./partition-clock.ts";

/** How far a partition's data is complete; null: it has no time yet. */
export interface PartitionWatermark {
  readonly partition: number;
  readonly watermarkMs: number | null;
  readonly isIdle: boolean;
}

/** A stream's partitions, and what time it is in it by their records. */
export class StreamClock {
  readonly #config: Pick<RecordStreamConfig, "outOfOrdernessMs" | "idleTimeoutMs">;
  readonly #partitions = new Map<number, PartitionClock>();
  #leadMs = -Infinity;

  constructor(config: Pick<RecordStreamConfig, "outOfOrdernessMs" | "idleTimeoutMs">) {
    this.#config = config;
  }

  /** `timeMs`: the stream's own; null: it had no record. */
  restore(partitions: readonly PartitionRecord[], timeMs: number | null, monotonicMs: number): void {
    if (timeMs !== null) this.#leadMs = timeMs - monotonicMs;
    for (const each of partitions)
      this.#partitions.set(each.partition, new PartitionClock(each, monotonicMs));
  }

  /** The partitions of the source, as far as it knows them; those that are new begin at their first record. True: some are. */
  expect(partitions: readonly number[], monotonicMs: number): boolean {
    const isFirst = this.#partitions.size === 0;
    let areNew = false;
    for (const partition of partitions) {
      if (this.#partitions.has(partition)) continue;
      // One that is added to a stream owes nothing of the time before.
      const joinedMs = isFirst ? TIME_MS_MIN : this.#joinMs(monotonicMs);
      const record = { partition, next: 0, latestMs: null, joinedMs };
      this.#partitions.set(partition, new PartitionClock(record, monotonicMs));
      areNew = true;
    }
    return areNew;
  }

  /** Undefined: it was never expected. */
  find(partition: number): PartitionClock | undefined {
    return this.#partitions.get(partition);
  }

  get(partition: number): PartitionClock {
    const clock = this.#partitions.get(partition);
    if (clock === undefined)
      throw new Error(`invariant: partition ${partition} is expected before it is read`);
    return clock;
  }

  export(): PartitionRecord[] {
    return [...this.#partitions.values()].map((partition) => partition.export());
  }

  /** What there is to be read of any, nobody knows before it was asked again. */
  nobodyKnows(monotonicMs: number): void {
    for (const clock of this.#partitions.values()) clock.atEnd(false, monotonicMs);
  }

  /** A partition has come so far in event time. */
  reached({ latestMs }: PartitionClock, monotonicMs: number): void {
    if (latestMs > -Infinity) this.#leadMs = Math.max(this.#leadMs, latestMs - monotonicMs);
  }

  /** The greatest event time, less the monotonic one: somebody's clock has said so. -Infinity before the first record. */
  get leadMs(): number {
    return this.#leadMs;
  }

  /** The greatest event time and what has passed since; null before the first record. */
  latestMs(monotonicMs: number): number | null {
    return this.#leadMs === -Infinity ? null : this.#leadMs + monotonicMs;
  }

  /**
   * The stream's own time, by which lateness ends: that of the slowest partition that is still read; where all are idle, the
   * greatest event time and what has passed since. Null before the first record.
   */
  timeMs(monotonicMs: number): number | null {
    if (this.#leadMs === -Infinity) return null;
    const leastMs = this.leastMs(monotonicMs);
    return leastMs === Infinity ? this.#leadMs + monotonicMs : leastMs;
  }

  /** Event time of the slowest partition that is still read, but for one; Infinity where there is none. */
  leastMs(monotonicMs: number, except: number | null = null): number {
    let leastMs = Infinity;
    for (const clock of this.#partitions.values()) {
      if (clock.partition === except || clock.isIdle(this.#config.idleTimeoutMs, monotonicMs)) continue;
      leastMs = Math.min(leastMs, clock.latestMs);
    }
    return leastMs;
  }

  watermarks(monotonicMs: number): PartitionWatermark[] {
    const { outOfOrdernessMs, idleTimeoutMs } = this.#config;
    const streamMs = this.#leadMs + monotonicMs;
    return [...this.#partitions.values()].map((clock) => {
      const isIdle = clock.isIdle(idleTimeoutMs, monotonicMs);
      const timeMs = isIdle ? Math.max(clock.latestMs, streamMs) : clock.latestMs;
      const watermarkMs = timeMs === -Infinity ? null : Math.floor(timeMs) - outOfOrdernessMs;
      return { partition: clock.partition, watermarkMs, isIdle };
    });
  }

  /** From when on a partition that is added now is expected. Others that were, and had no record yet, hold nothing up. */
  #joinMs(monotonicMs: number): number {
    if (this.#leadMs === -Infinity) return TIME_MS_MIN;
    let leastMs = this.#leadMs + monotonicMs;
    for (const clock of this.#partitions.values())
      if (!clock.isIdle(this.#config.idleTimeoutMs, monotonicMs))
        leastMs = Math.min(leastMs, Math.max(clock.latestMs, clock.joinedMs));
    return Math.floor(leastMs);
  }
}

/** Before every calendar's first day. */
const TIME_MS_MIN = -8.64e15;
