import type { Clock, Random, Timer } from "@millrace/runtime";
import { createBackoff } from "@millrace/runtime";
import { Consumer } from "@platformatic/kafka";
import type { KafkaConnection } from "../kafka-connection.ts";
import type { KafkaPartition } from "../kafka-partition.ts";
import { clientCloser } from "./client-closer.ts";
import type { ClientFailures } from "./client-failures.ts";
import { connectionOptions } from "./connection-options.ts";
import type { Membership } from "./membership.ts";

export interface GroupMemberOptions {
  readonly connection: KafkaConnection;
  readonly group: string;
  readonly topics: readonly string[];
  readonly sessionMs: number;
  readonly partitionsEveryMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** At each join. `isNew`: as a new member, so that others may have had these partitions since. */
  readonly onAssigned: (partitions: readonly KafkaPartition[], isNew: boolean) => void;
  readonly onTrouble: (reason: string) => void;
  readonly failures: ClientFailures;
}

const LOOK_MS = 500;
/** The client joins again by itself; where it has given up it says nothing. */
const INACTIVE_MS_MAX = 2_000;
const HEARTBEATS_IN_SESSION = 5;
const RETRY_MAX_MS = 2_000;

/** Membership in a group, kept up: joined, joined again after what breaks it, and after partitions were added. */
export class GroupMember implements Membership {
  readonly #options: GroupMemberOptions;
  readonly #consumer: Consumer;
  readonly #close: () => Promise<void>;
  #timer: Timer | null = null;
  #isJoining = false;
  #isClosed = false;
  #memberId: string | null = null;
  #activeAtMs: number;
  #lookedAtMs: number;
  #partitionCounts = "";

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    const { clock, connection, failures, group, topics } = options;
    this.#consumer = new Consumer({
      ...connectionOptions(connection),
      groupId: group,
      autocommit: false,
      retries: 1,
      retryDelay: 200,
    });
    this.#close = clientCloser(this.#consumer, (client) => client.close(true));
    failures.watch(this.#consumer);
    for (const topic of topics) this.#consumer.topics.track(topic);
    this.#consumer.on("error", (error: Error) => options.onTrouble(failures.explain(error)));
    this.#consumer.on("consumer:group:join", () => this.#joined());
    this.#activeAtMs = clock.monotonicMs();
    this.#lookedAtMs = clock.monotonicMs();
  }

  start(): void {
    void this.#join();
    this.#look();
  }

  async commit(
    positions: readonly (KafkaPartition & { readonly offset: number; readonly leaderEpoch: number })[],
  ): Promise<void> {
    const offsets = positions.map((position) => ({ ...position, offset: BigInt(position.offset) }));
    await this.#consumer.commit({ offsets });
  }

  committed(partitions: readonly KafkaPartition[]): Promise<Map<string, bigint[]>> {
    const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
    const topics = Array.from(byTopic, ([topic, of]) => ({
      topic,
      partitions: of.map(({ partition }) => partition),
    }));
    return this.#consumer.listCommittedOffsets({ topics });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#close();
  }

  #joined(): void {
    const { memberId, assignments } = this.#consumer;
    const isNew = memberId !== this.#memberId;
    this.#memberId = memberId;
    const partitions = (assignments ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    this.#options.onAssigned(partitions, isNew);
    // What the join went by; it is in memory.
    this.#countPartitions(false).then(
      (counts) => (this.#partitionCounts = counts),
      () => undefined,
    );
  }

  async #join(): Promise<void> {
    if (this.#isJoining) return;
    this.#isJoining = true;
    const { clock, failures, random, sessionMs, onTrouble } = this.#options;
    const backoff = createBackoff({ random, firstMs: 200, maxMs: RETRY_MAX_MS });
    while (!this.#isClosed) {
      try {
        await this.#consumer.joinGroup({
          sessionTimeout: sessionMs,
          rebalanceTimeout: sessionMs,
          heartbeatInterval: Math.floor(sessionMs / HEARTBEATS_IN_SESSION),
        });
        break;
      } catch (error) {
        if (this.#isClosed) break;
        onTrouble(failures.explain(error));
        this.#consumer.clearMetadata();
      }
      await new Promise<void>((resolve) => clock.after(backoff.nextMs(), resolve));
    }
    this.#activeAtMs = clock.monotonicMs();
    this.#isJoining = false;
  }

  #look(): void {
    const { clock, partitionsEveryMs } = this.#options;
    this.#timer = clock.after(LOOK_MS, () => {
      if (this.#isClosed) return;
      this.#look();
      const nowMs = clock.monotonicMs();
      if (this.#consumer.isActive()) this.#activeAtMs = nowMs;
      else if (nowMs - this.#activeAtMs > INACTIVE_MS_MAX) void this.#join();
      if (nowMs - this.#lookedAtMs < partitionsEveryMs) return;
      this.#lookedAtMs = nowMs;
      void this.#lookForPartitions();
    });
  }

  /** The group's leader shares out the partitions that it knew at the last join. */
  async #lookForPartitions(): Promise<void> {
    try {
      const known = this.#partitionCounts;
      const counts = await this.#countPartitions(true);
      if (known !== "" && counts !== known) await this.#join();
    } catch {
      // Looked for again at the next turn; what is wrong shows in the fetches.
    }
  }

  async #countPartitions(isAnew: boolean): Promise<string> {
    const topics = [...this.#options.topics];
    const metadata = await this.#consumer.metadata({ topics, forceUpdate: isAnew });
    return Array.from(metadata.topics, ([topic, { partitionsCount }]) => `${topic} ${partitionsCount}`)
      .sort()
      .join();
  }
}
