import type { Clock } from "@millrace/runtime";
import type { CentralLifecycle } from "../central-lifecycle.ts";
import type { DurableMoment } from "../commit/durable-moment.ts";
import { NotReady } from "../commit/not-ready.ts";
import type { CentralState } from "../state/central-state.ts";
import type { RecordPosition } from "./partition-clock.ts";
import type { RecordBatch, RecordOutcome } from "./record-batch.ts";
import type { RecordInbox } from "./record-inbox.ts";
import { recordStreamView } from "./record-stream-view.ts";
import type { RecordStreamView } from "./record-stream-view.ts";

interface RecordIntakeOptions {
  /** Null before central is open. */
  readonly state: () => CentralState | null;
  readonly inbox: RecordInbox;
  readonly lifecycle: CentralLifecycle;
  readonly durable: DurableMoment;
  /** Why the commit under way fails; null: it does not. */
  readonly stalled: () => string | null;
  readonly clock: Clock;
}

/** What the sources of records bring, and are told: whether there is room, where to read on, how far streams are. */
export class RecordIntake {
  readonly #options: RecordIntakeOptions;
  /** What was durable before memory was ahead of it. */
  #durableStreams: readonly RecordStreamView[] = [];

  constructor(options: RecordIntakeOptions) {
    this.#options = options;
  }

  /**
   * Takes records of a stream: what became of them, once that is durable. Null where commits are slower than records come: they
   * are to be offered again, as while commits fail. Rejects where central stops or fails first, and, of records that nobody reads again,
   * where commits fail, with what became of them.
   */
  offer(stream: string, batch: RecordBatch): Promise<RecordOutcome> | null {
    const { inbox, lifecycle, stalled } = this.#options;
    const { refusal } = lifecycle;
    if (refusal !== null) return Promise.reject(new NotReady(`${refusal}; nothing was taken`));
    if (stalled() !== null) return null;
    return inbox.offer(stream, batch);
  }

  /** Where a stream is to be read on, in each partition that is known. */
  positions(stream: string): ReadonlyMap<number, RecordPosition> {
    const partitions = this.#stage(stream)?.clock.export() ?? [];
    return new Map(partitions.map(({ partition, next, topicId }) => [partition, { next, topicId }]));
  }

  /** The source has looked: these partitions are there, those with nothing more to read are at their end. */
  lookedAt(
    stream: string,
    partitions: readonly { readonly partition: number; readonly isAtEnd: boolean }[],
  ): void {
    const stage = this.#stage(stream);
    const monotonicMs = this.#options.clock.monotonicMs();
    stage?.expect(
      partitions.map(({ partition }) => partition),
      monotonicMs,
    );
    for (const { partition, isAtEnd } of partitions) stage?.atEnd(partition, isAtEnd, monotonicMs);
  }

  /** The partition is so far ahead of the others that it should wait for them. */
  isAhead(stream: string, partition: number): boolean {
    return this.#stage(stream)?.isAhead(partition, this.#options.clock.monotonicMs()) ?? false;
  }

  /** As far as it is durable. */
  streams(): readonly RecordStreamView[] {
    return this.#options.durable.isAhead ? this.#durableStreams : this.#now();
  }

  /** All in memory is durable, and more is about to be applied. */
  keepStreams(): void {
    this.#durableStreams = this.#now();
  }

  #now(): RecordStreamView[] {
    const { state, inbox, clock } = this.#options;
    return (state()?.records.all() ?? []).map((stage) =>
      recordStreamView(stage, {
        monotonicMs: clock.monotonicMs(),
        waitingBytes: inbox.bytesOf(stage.stream),
      }),
    );
  }

  #stage(stream: string) {
    return this.#options.state()?.records.get(stream);
  }
}
