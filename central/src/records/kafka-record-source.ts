import type {
  KafkaAdmin,
  KafkaBatch,
  KafkaClient,
  KafkaConsumer,
  KafkaPartition,
  KafkaPosition,
  KafkaRange,
  KafkaSkip,
} from "@millrace/kafka";
import { reasonOf } from "@millrace/runtime";
import type { Clock, Logger, ReadBuffers, Timer } from "@millrace/runtime";
import { batchBytes } from "./batch-bytes.ts";
import type { RecordPosition } from "./partition-clock.ts";
import type { RecordBatch, RecordOutcome } from "./record-batch.ts";

/** What a source of records needs of central. */
export interface RecordSourceTarget {
  recordPositions(stream: string): ReadonlyMap<number, RecordPosition>;
  recordPartitions(
    stream: string,
    partitions: readonly { readonly partition: number; readonly isAtEnd: boolean }[],
  ): void;
  isRecordPartitionAhead(stream: string, partition: number): boolean;
  offerRecords(stream: string, batch: RecordBatch): Promise<RecordOutcome> | null;
}

/** How a source is doing. */
export interface RecordSourceView {
  /** The consumer group that is told its positions. */
  readonly group: string;
  readonly state: "starting" | "no_topic" | "reading" | "trouble" | "stopped";
  /** Why it waits; "" while it does not. */
  readonly reason: string;
  /** By partition: records that are there and not yet read. */
  readonly lag: Readonly<Record<number, number>>;
  /** Partitions that wait for slower ones. */
  readonly waiting: readonly number[];
  /** How often, since the start, the topic was found to be another one of the same name. */
  readonly remadeCount: number;
}

export interface KafkaRecordSourceOptions {
  readonly stream: string;
  readonly topic: string;
  readonly group: string;
  readonly client: KafkaClient;
  readonly target: RecordSourceTarget;
  readonly buffers: Pick<ReadBuffers, "add">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Offered and not yet durable: enough that the next commit never waits for the network. */
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;
/** What a batch takes beside its records: one without any takes room too. */
const BATCH_BYTES = 64;
/** How often it looks at the ends of partitions, and tells the group where it is. */
const LOOK_INTERVAL_MS = 2_000;
/** Where they are not told for so long, nobody knows them. */
const LOOK_MS_MAX = 3_000;
/** A request that nobody answers is given up half a minute later; after so long it is said. */
const SILENCE_MS = 10_000;
const RETRY_MS = 1_000;
/** At the end, to tell the group where it is: brokers that hang are not waited for, and the next start knows better. */
const FAREWELL_MS_MAX = 1_000;
/** What brokers allow at least: after a crash, its partitions come back no sooner. */
const SESSION_MS = 6_000;
/** Longer than one try comes after another: trouble that was not told again for so long may be over. */
const TROUBLE_MS = 5_000;
/** Partitions that are added, or that a member has left, are with nobody for less. */
const NOBODY_MS_MAX = 40_000;

/**
 * Reads a topic's partitions into central. Where to read on is central's to know, with the windows, in one commit: the group
 * is told only so that others can see the lag. A topic that is not there yet is waited for.
 */
export class KafkaRecordSource {
  readonly #options: KafkaRecordSourceOptions;
  #consumer: KafkaConsumer | null = null;
  /** While it looks whether the topic is there. */
  #admin: KafkaAdmin | null = null;
  #running: Promise<void> | null = null;
  #isClosed = false;
  #timer: Timer | null = null;
  #endWait: (() => void) | null = null;
  /** Of the topic, as it is. */
  #topicId: string | undefined;
  #remadeCount = 0;
  #state: RecordSourceView["state"] = "starting";
  #reason = "";
  #lag: Record<number, number> = {};
  /** That central was told of last. */
  #partitions: readonly number[] = [];
  #troubleAtMs = Number.NEGATIVE_INFINITY;
  /** Something was read, or nothing is left to read, since it had trouble. */
  #hasGoneOn = true;
  /** Partitions that are not this member's, with records that are not read: since when. */
  readonly #foreignSinceMs = new Map<number, number>();
  readonly #waiting = new Set<number>();
  /** By partition, what comes next of it. */
  readonly #offeredTo = new Map<number, number>();
  /** Gaps that lie behind what is still to be offered. */
  readonly #skips: KafkaSkip[] = [];
  readonly #inFlight: { readonly bytes: number; readonly done: Promise<unknown> }[] = [];
  #inFlightBytes = 0;
  /** By partition, behind what is durable; not yet told to the group. */
  readonly #durable = new Map<number, number>();

  constructor(options: KafkaRecordSourceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
    this.#lookAgain();
  }

  /** Ends when nothing is read any more; what was offered is central's. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#endWait?.();
    const isLate = Promise.withResolvers<void>();
    const late = this.#options.clock.after(FAREWELL_MS_MAX, () => isLate.resolve());
    await Promise.race([this.#tellGroup(), isLate.promise]);
    late.cancel();
    await Promise.all([this.#consumer?.close(), this.#admin?.close()]);
    await this.#running;
    this.#state = "stopped";
  }

  get view(): RecordSourceView {
    return {
      group: this.#options.group,
      state: this.#state,
      reason: this.#reason,
      lag: { ...this.#lag },
      waiting: [...this.#waiting].sort((a, b) => a - b),
      remadeCount: this.#remadeCount,
    };
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#topicIsThere();
        if (this.#isClosed) return;
        await this.#read();
        // The topic was made anew.
        await this.#wait(RETRY_MS);
      } catch (error) {
        if (this.#isClosed) return;
        this.#trouble(reasonOf(error));
        await this.#wait(RETRY_MS);
      }
    }
  }

  async #topicIsThere(): Promise<void> {
    const { client, topic, log, stream } = this.#options;
    const admin = client.admin();
    this.#admin = admin;
    try {
      while (!this.#isClosed) {
        const found = await admin.describeTopic(topic);
        this.#topicId = found?.id;
        if (found !== null) return;
        // Of what is no more nothing is to be waited for.
        this.#tellAll({ isAtEnd: true });
        this.#state = "no_topic";
        this.#reason = `there is no topic ${topic}`;
        log.repeated(`records_topic ${stream}`, "a topic of records is not there; waiting for it", {
          stream,
          topic,
        });
        await this.#wait(RETRY_MS);
      }
    } finally {
      this.#admin = null;
      await admin.close();
    }
  }

  async #read(): Promise<void> {
    const { client, group, topic } = this.#options;
    this.#skips.length = 0;
    this.#offeredTo.clear();
    // The new consumer waits for none yet.
    this.#waiting.clear();
    const consumer = client.consumer({
      group,
      topics: [topic],
      from: "start",
      sessionMs: SESSION_MS,
      positions: (assigned) => this.#positions(consumer, assigned),
      topicIds: { [topic]: this.#topicId },
      onRemade: () => void consumer.close(),
      onSkipped: (skip) => {
        this.#skips.push(skip);
        this.#offerSkips();
      },
      onTrouble: (reason) => {
        // Partitions that it cannot get are nobody's for longer.
        this.#foreignSinceMs.clear();
        this.#trouble(reason);
      },
    });
    this.#consumer = consumer;
    try {
      for (let batch = await consumer.next(); batch !== null; batch = await consumer.next()) {
        this.#hasGoneOn = true;
        this.#reads();
        await this.#offer({ ...toRecordBatch(batch), topicId: this.#topicId });
        this.#offerSkips();
        this.#align(consumer);
      }
    } finally {
      this.#consumer = null;
      await consumer.close();
    }
  }

  /**
   * Where central is; a partition that it does not know, or knows of another topic of this name, begins at its start, whatever
   * the group has.
   */
  async #positions(consumer: KafkaConsumer, assigned: readonly KafkaPartition[]): Promise<KafkaPosition[]> {
    const { stream, target } = this.#options;
    const ranges = await consumer.ranges();
    // What is on its way has the positions and topics of before.
    while (this.#inFlight.length > 0) await this.#oldestIsDone();
    await this.#beginAnew(ranges);
    const known = target.recordPositions(stream);
    this.#tellPartitions(ranges);
    return assigned.map(({ topic, partition }) => {
      const start = ranges.find((range) => range.partition === partition)?.startOffset ?? 0;
      const offset = known.get(partition)?.next ?? start;
      this.#offeredTo.set(partition, offset);
      return { topic, partition, offset };
    });
  }

  /** Of which topic each position is goes into central's state; where it was one of before, it begins at the start. */
  async #beginAnew(ranges: readonly KafkaRange[]): Promise<void> {
    const { log, stream, topic, target } = this.#options;
    const topicId = this.#topicId;
    if (topicId === undefined) return;
    let isRemade = false;
    for (const [partition, { next, topicId: before }] of target.recordPositions(stream)) {
      const range = ranges.find((each) => each.partition === partition);
      if (before === topicId) continue;
      const nothing = { partition, values: [], offsets: [], isAtEnd: false, topicId };
      // Nothing had been read of it: nothing is known to be gone.
      if (before === undefined || next === 0) {
        await this.#offer({ ...nothing, nextOffset: next });
        continue;
      }
      isRemade = true;
      const start = range?.startOffset ?? 0;
      const isGone = range === undefined;
      await this.#offer({ ...nothing, nextOffset: start, resumedAt: start, isGone });
    }
    while (this.#inFlight.length > 0) await this.#oldestIsDone();
    if (!isRemade) return;
    this.#remadeCount += 1;
    log.repeated(
      `records_topic_remade ${stream}`,
      "a topic of records was made anew; it is read from its start",
      {
        stream,
        topic,
      },
    );
  }

  #tellPartitions(ranges: readonly KafkaRange[]): Record<number, number> {
    const { stream, target } = this.#options;
    const positions = target.recordPositions(stream);
    const lag: Record<number, number> = {};
    for (const { partition, startOffset, endOffset } of ranges)
      lag[partition] = Math.max(0, endOffset - (positions.get(partition)?.next ?? startOffset));
    // Those that a topic of before had more of bring nothing.
    this.#partitions = [...new Set([...positions.keys(), ...ranges.map(({ partition }) => partition)])];
    target.recordPartitions(
      stream,
      this.#partitions.map((partition) => ({ partition, isAtEnd: (lag[partition] ?? 0) === 0 })),
    );
    return lag;
  }

  #tellAll({ isAtEnd }: { readonly isAtEnd: boolean }): void {
    const { stream, target } = this.#options;
    target.recordPartitions(
      stream,
      this.#partitions.map((partition) => ({ partition, isAtEnd })),
    );
  }

  /** Whoever writes to the topic may do so though central does not reach it: nothing that is there is to be taken for all. */
  #nobodyKnows(): void {
    if (!this.#isClosed && this.#state !== "no_topic") this.#tellAll({ isAtEnd: false });
  }

  /** Returns once there is room for more. */
  async #offer(batch: RecordBatch): Promise<void> {
    const { stream, target } = this.#options;
    const bytes = BATCH_BYTES + batchBytes(batch);
    let taken = target.offerRecords(stream, batch);
    while (taken === null && !this.#isClosed) {
      await this.#oldestIsDone();
      taken = target.offerRecords(stream, batch);
    }
    if (taken === null) return;
    this.#offeredTo.set(batch.partition, batch.nextOffset ?? 0);
    const done = taken.then(
      () => {
        this.#durable.set(batch.partition, batch.nextOffset ?? 0);
        this.#options.buffers.add(bytes);
      },
      (error: unknown) => this.#trouble(reasonOf(error)),
    );
    this.#inFlight.push({ bytes, done });
    this.#inFlightBytes += bytes;
    while (this.#inFlightBytes > IN_FLIGHT_BYTES_MAX) await this.#oldestIsDone();
  }

  /** What was offered first is durable, or failed; or some time has passed where nothing is in flight. */
  async #oldestIsDone(): Promise<void> {
    const oldest = this.#inFlight.shift();
    if (oldest === undefined) return this.#wait(RETRY_MS);
    await oldest.done;
    this.#inFlightBytes -= oldest.bytes;
  }

  /** A gap counts once all that was read before it has been offered. */
  #offerSkips(): void {
    const { stream, target } = this.#options;
    for (const skip of this.#skips.splice(0)) {
      const { partition, offset, nextOffset, damage } = skip;
      const gap = { partition, values: [], offsets: [], nextOffset, isAtEnd: false, resumedAt: nextOffset };
      const batch = damage === undefined ? gap : { ...gap, damage };
      const offeredTo = this.#offeredTo.get(partition) ?? offset - 1;
      // Told twice: what lay before it was read again.
      if (offeredTo > offset) continue;
      const taken = offeredTo === offset ? target.offerRecords(stream, batch) : null;
      taken?.catch((error: unknown) => this.#trouble(reasonOf(error)));
      if (taken !== null) this.#offeredTo.set(partition, nextOffset);
      else this.#skips.push(skip);
    }
  }

  /** Partitions that are far ahead of others wait for them, so that ids of both are remembered at the same time. */
  #align(consumer: KafkaConsumer): void {
    const { stream, topic, target } = this.#options;
    for (const { partition } of consumer.assigned) {
      const isAhead = target.isRecordPartitionAhead(stream, partition);
      if (isAhead === this.#waiting.has(partition)) continue;
      const partitions = [{ topic, partition }];
      if (isAhead) {
        this.#waiting.add(partition);
        consumer.pause(partitions);
      } else {
        this.#waiting.delete(partition);
        consumer.resume(partitions);
      }
    }
  }

  #lookAgain(): void {
    this.#timer = this.#options.clock.after(LOOK_INTERVAL_MS, () => {
      void this.#look().finally(() => {
        if (!this.#isClosed) this.#lookAgain();
      });
    });
  }

  /** A partition without records tells nothing by itself: whether it is at its end has to be asked. */
  async #look(): Promise<void> {
    const consumer = this.#consumer;
    if (consumer === null) return this.#nobodyKnows();
    const { clock } = this.#options;
    const late = clock.after(LOOK_MS_MAX, () => this.#nobodyKnows());
    const silence = clock.after(SILENCE_MS, () =>
      this.#trouble(`no answer for ${SILENCE_MS / 1_000} s; waiting for it`),
    );
    try {
      const lag = this.#tellPartitions(await consumer.ranges());
      this.#lag = lag;
      const foreign = this.#foreign(consumer);
      if (foreign.length > 0) this.#trouble(this.#foreignReason(foreign));
      else if (consumer.assigned.length > 0) {
        this.#hasGoneOn ||= Object.values(lag).every((records) => records === 0);
        this.#reads();
      }
      this.#offerSkips();
      this.#align(consumer);
    } catch (error) {
      this.#nobodyKnows();
      this.#trouble(reasonOf(error));
    } finally {
      late.cancel();
      silence.cancel();
    }
    await this.#tellGroup();
  }

  /** Partitions that somebody else reads: what is in them does not come here. */
  #foreign(consumer: KafkaConsumer): number[] {
    const nowMs = this.#options.clock.monotonicMs();
    const own = new Set(consumer.assigned.map(({ partition }) => partition));
    for (const partition of this.#foreignSinceMs.keys())
      if (own.has(partition) || !((this.#lag[partition] ?? 0) > 0)) this.#foreignSinceMs.delete(partition);
    return Object.entries(this.#lag)
      .filter(([partition, records]) => records > 0 && !own.has(Number(partition)))
      .map(([partition]) => Number(partition))
      .filter((partition) => {
        const sinceMs = this.#foreignSinceMs.get(partition) ?? nowMs;
        this.#foreignSinceMs.set(partition, sinceMs);
        return nowMs - sinceMs >= NOBODY_MS_MAX;
      });
  }

  #foreignReason(partitions: readonly number[]): string {
    const { group } = this.#options;
    const which =
      partitions.length === 1 ? `partition ${partitions[0]} is` : `partitions ${partitions.join(", ")} are`;
    return `${which} read by another member of group ${group}; give kafka.group a name that only this central has`;
  }

  async #tellGroup(): Promise<void> {
    const { topic, log, stream } = this.#options;
    const positions = [...this.#durable].map(([partition, offset]) => ({
      topic,
      partition,
      offset,
    }));
    this.#durable.clear();
    if (positions.length === 0) return;
    await this.#consumer
      ?.commit(positions)
      .catch((error: unknown) =>
        log.debug("cannot tell the group its positions", { stream, reason: reasonOf(error) }),
      );
  }

  #trouble(reason: string): void {
    if (this.#isClosed) return;
    const { clock, log, stream, topic } = this.#options;
    this.#state = "trouble";
    this.#reason = reason;
    this.#troubleAtMs = clock.monotonicMs();
    this.#hasGoneOn = false;
    log.repeated(`records_source ${stream}`, "cannot read records; trying again", { stream, topic, reason });
  }

  /** Trouble that comes again in a moment is not over, though other partitions are read, and the broker answers. */
  #reads(): void {
    const isTroubled = this.#options.clock.monotonicMs() - this.#troubleAtMs < TROUBLE_MS;
    if (!this.#hasGoneOn || isTroubled) return;
    const { log, stream, topic } = this.#options;
    if (this.#state === "trouble" || this.#state === "no_topic") {
      for (const cause of ["records_topic", "records_source"]) log.ended(`${cause} ${stream}`);
      log.info("records are read", { stream, topic });
    }
    this.#state = "reading";
    this.#reason = "";
  }

  async #wait(delayMs: number): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      this.#endWait = resolve;
      this.#options.clock.after(delayMs, resolve);
    });
    this.#endWait = null;
  }
}

function toRecordBatch({ partition, values, offsets, nextOffset, endOffset }: KafkaBatch): RecordBatch {
  return {
    partition,
    values,
    offsets,
    nextOffset,
    isAtEnd: nextOffset >= endOffset,
  };
}
