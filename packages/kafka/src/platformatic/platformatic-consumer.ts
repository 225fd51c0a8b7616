import { createBackoff, type Backoff, type Clock, type Random } from "@millrace/runtime";
import {
  type ClusterMetadata,
  Consumer,
  FetchIsolationLevels,
  findErrorBy,
  ListOffsetTimestamps,
} from "@platformatic/kafka";
import type { KafkaBatch } from "../kafka-batch.ts";
import type { KafkaConnection } from "../kafka-connection.ts";
import type { KafkaConsumer, KafkaConsumerOptions } from "../kafka-consumer.ts";
import {
  partitionKey,
  type KafkaPartition,
  type KafkaPosition,
  type KafkaRange,
} from "../kafka-partition.ts";
import { clientCloser } from "./client-closer.ts";
import { ClientFailures } from "./client-failures.ts";
import { connectionOptions } from "./connection-options.ts";
import { GroupMember } from "./group-member.ts";
import { LoneReader } from "./lone-reader.ts";
import type { Membership } from "./membership.ts";
import { fetchApi, type FetchedPartition } from "./fetch-api.ts";
import { batchesIn, type UnreadableBatch } from "./fetched-batch.ts";
import { PartitionFailures } from "./partition-failures.ts";
import { type FetchedPiece, recordsOf } from "./records-of.ts";

const FETCH_BYTES_MAX = 8 * 1024 * 1024;
const FETCH_WAIT_MS = 100;
/** Each fetch says all that it asks for. */
const NO_SESSION = { id: 0, epoch: -1 } as const;
const SESSION_MS = 10_000;
const PARTITIONS_EVERY_MS = 30_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;
/** A batch that was damaged on its way is whole at the next; one that is still not is damaged where it lies. */
const UNREADABLE_FETCHES_MAX = 5;

/**
 * Its stream reads ahead on its own and dies with its connection; so the fetches are made here, one under way at each
 * broker, over connections of their own: what a broker holds back never holds up a heartbeat.
 */
export class PlatformaticConsumer implements KafkaConsumer {
  readonly #options: KafkaConsumerOptions;
  readonly #clientFailures: ClientFailures;
  readonly #clock: Clock;
  readonly #reader: Consumer;
  readonly #close: () => Promise<void>;
  readonly #member: Membership;
  readonly #backoff: Backoff;
  readonly #fetchBytesMax: number;
  /** What is fetched next of each partition that is ours and whose beginning is known. */
  readonly #positions = new Map<string, KafkaPosition>();
  readonly #paused = new Set<string>();
  readonly #failures: PartitionFailures;
  /** Of none that is paused. */
  readonly #ready: ReadyAnswer[] = [];
  #readyBytes = 0;
  readonly #busyNodes = new Set<number>();
  #assigned: readonly KafkaPartition[] = [];
  #assignment = 0;
  #isWaiting = false;
  #isClosed = false;
  #arrival = Promise.withResolvers<void>();

  constructor(
    connection: KafkaConnection,
    options: KafkaConsumerOptions,
    { clock, random }: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#fetchBytesMax = options.fetchBytesMax ?? FETCH_BYTES_MAX;
    this.#backoff = createBackoff({ random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
    this.#failures = new PartitionFailures({ clock, random });
    const { group, topics, sessionMs = SESSION_MS, partitionsEveryMs = PARTITIONS_EVERY_MS } = options;
    this.#reader = new Consumer({
      ...connectionOptions(connection),
      // Its fetches are no group's; the client wants a name all the same.
      groupId: group ?? connection.clientId,
      autocommit: false,
      retries: 0,
    });
    this.#close = clientCloser(this.#reader, (client) => client.close(true));
    this.#clientFailures = new ClientFailures({ topics, brokers: connection.brokers, clock });
    this.#clientFailures.watch(this.#reader);
    for (const topic of topics) this.#reader.topics.track(topic);
    this.#reader.on("error", () => undefined);
    const member = {
      connection,
      topics,
      partitionsEveryMs,
      clock,
      random,
      onAssigned: (partitions: readonly KafkaPartition[], isNew: boolean) =>
        void this.#assign(partitions, isNew),
      onTrouble: (reason: string) => options.onTrouble?.(reason),
      failures: this.#clientFailures,
    };
    this.#member = group === null ? new LoneReader(member) : new GroupMember({ ...member, group, sessionMs });
    this.#member.start();
  }

  get assigned(): readonly KafkaPartition[] {
    return this.#assigned;
  }

  async next(): Promise<KafkaBatch | null> {
    for (;;) {
      if (this.#isClosed) return null;
      const next = this.#unpackNext();
      this.#fetchMore();
      if (next !== null) return next;
      await this.#arrival.promise;
      this.#arrival = Promise.withResolvers();
    }
  }

  seek(position: KafkaPosition): void {
    const key = partitionKey(position);
    this.#forgetReady(key);
    if (this.#positions.has(key)) this.#positions.set(key, position);
    this.#arrival.resolve();
  }

  pause(partitions: readonly KafkaPartition[]): void {
    for (const partition of partitions) {
      const key = partitionKey(partition);
      this.#paused.add(key);
      // Fetched again when it goes on: it would take the room of what it waits for.
      const from = this.#forgetReady(key);
      if (from !== null) this.#goOnAt(from);
    }
    this.#arrival.resolve();
  }

  resume(partitions: readonly KafkaPartition[]): void {
    for (const partition of partitions) this.#paused.delete(partitionKey(partition));
    this.#arrival.resolve();
  }

  async commit(positions: readonly KafkaPosition[]): Promise<void> {
    const own = new Set(this.#assigned.map(partitionKey));
    const offsets = positions
      .filter((position) => own.has(partitionKey(position)))
      .map((position) => ({ ...position, leaderEpoch: -1 }));
    if (offsets.length === 0) return;
    try {
      await this.#member.commit(offsets);
    } catch (error) {
      throw new Error(this.#clientFailures.explain(error), { cause: error });
    }
  }

  async ranges(): Promise<readonly KafkaRange[]> {
    const topics = [...this.#options.topics];
    try {
      // Not at once: the two would share one answer.
      const starts = await this.#reader.listOffsets({ topics, timestamp: ListOffsetTimestamps.EARLIEST });
      const ends = await this.#reader.listOffsets({
        topics,
        timestamp: ListOffsetTimestamps.LATEST,
        // What stands behind an open transaction is still to come.
        isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED,
      });
      return topics.flatMap((topic) =>
        (starts.get(topic) ?? []).map((start, partition) => ({
          topic,
          partition,
          startOffset: Number(start),
          endOffset: Number(ends.get(topic)?.[partition] ?? start),
        })),
      );
    } catch (error) {
      throw new Error(this.#clientFailures.explain(error), { cause: error });
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#ready.length = 0;
    this.#arrival.resolve();
    await this.#member.close();
    await this.#close();
  }

  async #assign(partitions: readonly KafkaPartition[], isNew: boolean): Promise<void> {
    this.#assignment += 1;
    const assignment = this.#assignment;
    const keys = new Set(partitions.map(partitionKey));
    const revoked = this.#assigned.filter((partition) => isNew || !keys.has(partitionKey(partition)));
    this.#assigned = partitions;
    for (const partition of revoked) {
      this.#forgetReady(partitionKey(partition));
      this.#positions.delete(partitionKey(partition));
      this.#failures.forget(partitionKey(partition));
    }
    if (revoked.length > 0) this.#options.onRevoked?.(revoked);
    const isCurrent = () => !this.#isClosed && this.#assignment === assignment;
    while (isCurrent()) {
      try {
        const added = partitions.filter((partition) => !this.#positions.has(partitionKey(partition)));
        // They may be newer than what the reader knows of the topic.
        if (added.length > 0) this.#reader.clearMetadata();
        const found = added.length === 0 ? [] : await this.#beginnings(added);
        if (!isCurrent()) return;
        for (const position of found) this.#positions.set(partitionKey(position), position);
        this.#backoff.reset();
        break;
      } catch (error) {
        if (isCurrent()) await this.#wait(error);
      }
    }
    this.#arrival.resolve();
  }

  async #beginnings(added: readonly KafkaPartition[]): Promise<KafkaPosition[]> {
    const known = new Map(
      (await this.#options.positions?.(added))?.map((position) => [partitionKey(position), position.offset]),
    );
    const unknown = added.filter((partition) => !known.has(partitionKey(partition)));
    if (unknown.length > 0) {
      const committed = await this.#member.committed(unknown);
      for (const partition of unknown) {
        const offset = committed.get(partition.topic)?.[partition.partition] ?? -1n;
        if (offset >= 0n) known.set(partitionKey(partition), Number(offset));
      }
    }
    if (added.some((partition) => !known.has(partitionKey(partition))))
      for (const range of await this.ranges()) {
        const key = partitionKey(range);
        const offset = this.#options.from === "start" ? range.startOffset : range.endOffset;
        if (!known.has(key)) known.set(key, offset);
      }
    return added.map((partition) => ({ ...partition, offset: known.get(partitionKey(partition)) ?? 0 }));
  }

  /** One fetch at each broker that leads a partition of ours, while there is room. */
  #fetchMore(): void {
    if (this.#isClosed || this.#isWaiting || this.#readyBytes >= this.#fetchBytesMax) return;
    if (this.#positions.size === 0) return;
    this.#isWaiting = true;
    this.#reader.metadata({ topics: [...this.#options.topics] }).then(
      (metadata) => {
        this.#isWaiting = false;
        const byNode = new Map<number, KafkaPosition[]>();
        for (const [key, position] of this.#positions) {
          const topic = metadata.topics.get(position.topic);
          const meantId = this.#options.topicIds?.[position.topic];
          if (meantId !== undefined && topic !== undefined && topic.id !== meantId) {
            this.#options.onRemade?.(position.topic);
            continue;
          }
          const leader = topic?.partitions[position.partition]?.leader;
          if (leader === undefined) this.#reader.clearMetadata();
          if (leader === undefined || this.#paused.has(key) || this.#busyNodes.has(leader)) continue;
          if (this.#failures.isResting(key)) continue;
          byNode.set(leader, [...(byNode.get(leader) ?? []), position]);
        }
        for (const [node, positions] of byNode) void this.#fetch(node, positions, metadata);
      },
      async (error: unknown) => {
        await this.#wait(error);
        this.#isWaiting = false;
        this.#arrival.resolve();
      },
    );
  }

  async #fetch(
    node: number,
    positions: readonly KafkaPosition[],
    { topics, brokers }: ClusterMetadata,
  ): Promise<void> {
    this.#busyNodes.add(node);
    try {
      const names = new Map(Array.from(topics, ([topic, { id }]) => [id, topic]));
      const byTopic = Map.groupBy(positions, ({ topic }) => topic);
      const broker = brokers.get(node);
      if (broker === undefined) throw new Error(`nobody knows where broker ${node} is`);
      const fetched = await fetchApi.async(
        await this.#reader.connections.get(broker),
        this.#options.fetchWaitMs ?? FETCH_WAIT_MS,
        1,
        this.#fetchBytesMax,
        FetchIsolationLevels.READ_COMMITTED,
        NO_SESSION.id,
        NO_SESSION.epoch,
        Array.from(byTopic, ([topic, of]) => ({
          topicId: topics.get(topic)?.id ?? "",
          partitions: of.map(({ partition, offset }) => ({
            partition,
            fetchOffset: BigInt(offset),
            partitionMaxBytes: this.#fetchBytesMax,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: -1,
          })),
        })),
        [],
        "",
      );
      const outOfRange: KafkaPosition[] = [];
      for (const each of fetched) {
        const partition = { topic: names.get(each.topicId) ?? "", partition: each.partition };
        const key = partitionKey(partition);
        const from = positions.find((position) => partitionKey(position) === key);
        // Somebody has sought or paused it, or it has gone, since it was asked for.
        if (from === undefined || this.#positions.get(key) !== from || this.#paused.has(key)) continue;
        const { refusal } = each;
        if (refusal === null) this.#take(from, each);
        else if (findErrorBy(refusal, "apiId", "OFFSET_OUT_OF_RANGE") !== null) outOfRange.push(from);
        else this.#refused(from, refusal);
      }
      this.#backoff.reset();
      if (outOfRange.length > 0) await this.#skip(outOfRange);
    } catch (error) {
      await this.#wait(error);
    }
    this.#busyNodes.delete(node);
    this.#arrival.resolve();
  }

  #take(from: KafkaPosition, { bytes, aborted, endOffset }: FetchedPartition): void {
    this.#failures.accepted(partitionKey(from));
    const { batches, unreadable } = batchesIn(bytes);
    const nextOffset = (batches.at(-1)?.lastOffset ?? -1) + 1;
    const next = { ...from, offset: Math.max(from.offset, nextOffset) };
    if (next.offset > from.offset) {
      const pieces = recordsOf({ batches, aborted }, from.offset);
      this.#ready.push({ from, pieces, endOffset, bytes: bytes.length });
      this.#readyBytes += bytes.length;
      this.#goOnAt(next);
    }
    if (unreadable !== null) this.#unreadable(next, unreadable, endOffset);
  }

  /** Null: nothing is ready. */
  #unpackNext(): KafkaBatch | null {
    for (let answer = this.#ready[0]; answer !== undefined; answer = this.#ready[0]) {
      const { from, pieces, endOffset } = answer;
      const piece = pieces.next().value;
      if (piece === undefined || piece.isLast) {
        this.#ready.shift();
        this.#readyBytes -= answer.bytes;
      }
      if (piece === undefined) continue;
      const next = { ...from, offset: piece.nextOffset };
      answer.from = next;
      if (piece.unreadable !== null) {
        // What was fetched behind it comes once more.
        this.#forgetReady(partitionKey(next));
        this.#goOnAt(next);
        this.#unreadable(next, piece.unreadable, endOffset);
      }
      if (next.offset > from.offset) return batchOf(piece, from, endOffset);
    }
    return null;
  }

  /** To the end of the line: brokers fill an answer in the order of the question, and one partition could fill all of them. */
  #goOnAt(position: KafkaPosition): void {
    const key = partitionKey(position);
    this.#positions.delete(key);
    this.#positions.set(key, position);
  }

  /** It is no matter of the other partitions. */
  #refused(position: KafkaPosition, refusal: Error): void {
    this.#reader.clearMetadata();
    this.#rest(position, null, this.#clientFailures.explain(refusal));
  }

  /** Fetched again some times; then it is skipped, as what is gone. */
  #unreadable(position: KafkaPosition, batch: UnreadableBatch, endOffset: number): void {
    const { firstOffset, reason, bytes } = batch;
    if (this.#failures.countOf(partitionKey(position), firstOffset) < UNREADABLE_FETCHES_MAX - 1) {
      this.#rest(position, firstOffset, reason);
      return;
    }
    const isKnown = batch.nextOffset > position.offset && batch.nextOffset <= endOffset;
    const nextOffset = isKnown ? batch.nextOffset : position.offset + 1;
    this.#options.onTrouble?.(
      `partition ${position.partition} of ${position.topic}: ${reason}; going on at offset ${nextOffset}`,
    );
    this.#goOnAt({ ...position, offset: nextOffset });
    this.#options.onSkipped?.({ ...position, nextOffset, damage: { reason, bytes } });
  }

  #rest(position: KafkaPosition, place: number | null, reason: string): void {
    this.#options.onTrouble?.(`partition ${position.partition} of ${position.topic}: ${reason}`);
    this.#goOnAt(position);
    this.#failures.rest(partitionKey(position), place, () => this.#arrival.resolve());
  }

  /** What is there no more cannot be read: on with the first that is. */
  async #skip(positions: readonly KafkaPosition[]): Promise<void> {
    const ranges = new Map((await this.ranges()).map((range) => [partitionKey(range), range]));
    for (const position of positions) {
      const key = partitionKey(position);
      const range = ranges.get(key);
      if (range === undefined || this.#positions.get(key) !== position) continue;
      if (position.offset >= range.startOffset && position.offset <= range.endOffset) continue;
      this.#positions.set(key, { ...position, offset: range.startOffset });
      this.#options.onSkipped?.({ ...position, nextOffset: range.startOffset });
    }
  }

  /** Where it had begun; null: there was none. */
  #forgetReady(key: string): KafkaPosition | null {
    let first: KafkaPosition | null = null;
    for (let index = this.#ready.length - 1; index >= 0; index -= 1) {
      const { from, bytes } = this.#ready[index];
      if (partitionKey(from) !== key) continue;
      first = from;
      this.#readyBytes -= bytes;
      this.#ready.splice(index, 1);
    }
    return first;
  }

  async #wait(error: unknown): Promise<void> {
    if (this.#isClosed) return;
    this.#options.onTrouble?.(this.#clientFailures.explain(error));
    this.#reader.clearMetadata();
    await new Promise<void>((resolve) => this.#clock.after(this.#backoff.nextMs(), resolve));
  }
}

/** What was fetched of a partition and is not yet given. */
interface ReadyAnswer {
  /** Where the next piece begins. */
  from: KafkaPosition;
  readonly pieces: Generator<FetchedPiece, void>;
  readonly endOffset: number;
  /** As they were fetched. */
  readonly bytes: number;
}

function batchOf(
  { records: fetched, nextOffset }: FetchedPiece,
  { topic, partition }: KafkaPartition,
  endOffset: number,
): KafkaBatch {
  const { offsets } = fetched;
  return {
    topic,
    partition,
    get records() {
      return [...fetched.records()];
    },
    values: fetched,
    offsets,
    nextOffset,
    endOffset,
  };
}
