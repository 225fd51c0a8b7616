import type { KafkaPartition } from "../kafka-partition.ts";

/** How a consumer comes to its partitions. */
export interface Membership {
  start(): void;
  commit(
    positions: readonly (KafkaPartition & { readonly offset: number; readonly leaderEpoch: number })[],
  ): Promise<void>;
  /** By topic and partition; less than 0, or nothing, where there is none. */
  committed(partitions: readonly KafkaPartition[]): Promise<Map<string, bigint[]>>;
  close(): Promise<void>;
}
