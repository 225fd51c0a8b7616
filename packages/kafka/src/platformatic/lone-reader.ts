import type { Clock, Random, Timer } from "@millrace/runtime";
import { createBackoff } from "@millrace/runtime";
import { Admin } from "@platformatic/kafka";
import type { KafkaPartition } from "../kafka-partition.ts";
import { clientCloser } from "./client-closer.ts";
import { connectionOptions } from "./connection-options.ts";
import type { GroupMemberOptions } from "./group-member.ts";
import type { Membership } from "./membership.ts";

const RETRY_MAX_MS = 2_000;

/**
 * Has all partitions, and shares with nobody: no group has to notice first that its last process is dead. It keeps no
 * positions; who reads alone keeps them beside its own state.
 */
export class LoneReader implements Membership {
  readonly #options: Omit<GroupMemberOptions, "group" | "sessionMs">;
  readonly #admin: Admin;
  readonly #close: () => Promise<void>;
  readonly #clock: Clock;
  readonly #random: Random;
  #timer: Timer | null = null;
  #count = 0;
  #isClosed = false;

  constructor(options: Omit<GroupMemberOptions, "group" | "sessionMs">) {
    this.#options = options;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#admin = new Admin({ ...connectionOptions(options.connection), retries: 1, retryDelay: 200 });
    this.#close = clientCloser(this.#admin, (client) => client.close());
    options.failures.watch(this.#admin);
    this.#admin.on("error", () => undefined);
  }

  start(): void {
    const { failures, partitionsEveryMs, onAssigned, onTrouble } = this.#options;
    const backoff = createBackoff({ random: this.#random, firstMs: 100, maxMs: RETRY_MAX_MS });
    const look = async () => {
      try {
        const partitions = await this.#partitions();
        backoff.reset();
        // What is known stays: a topic that is made anew shows in the fetches.
        if (!this.#isClosed && partitions.length > this.#count) onAssigned(partitions, false);
        this.#count = Math.max(this.#count, partitions.length);
      } catch (error) {
        if (!this.#isClosed) onTrouble(failures.explain(error));
      }
      if (this.#isClosed) return;
      const delayMs = this.#count === 0 ? backoff.nextMs() : partitionsEveryMs;
      this.#timer = this.#clock.after(delayMs, () => void look());
    };
    void look();
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  committed(): Promise<Map<string, bigint[]>> {
    return Promise.resolve(new Map());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#close();
  }

  async #partitions(): Promise<KafkaPartition[]> {
    const topics = [...this.#options.topics];
    const metadata = await this.#admin.metadata({ topics, forceUpdate: true });
    return Array.from(metadata.topics, ([topic, { partitionsCount }]) =>
      Array.from({ length: partitionsCount }, (_, partition) => ({ topic, partition })),
    ).flat();
  }
}
