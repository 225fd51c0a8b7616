import type { KafkaBatch } from "./kafka-batch.ts";
import type { KafkaPartition, KafkaPosition, KafkaRange } from "./kafka-partition.ts";

/**
 * Reads topics, alone or as a member of a group: Kafka shares the partitions among its members. It pulls: who does not ask for the next
 * batch holds the broker back, not memory. Nothing is committed but by `commit`. While brokers are away it waits, and goes on.
 */
export interface KafkaConsumer {
  /** Records that follow of one of its partitions; waits for them. Null once closed. One call at a time. */
  next(): Promise<KafkaBatch | null>;
  /** From here its partition goes on; what was fetched and not yet given of it is forgotten. Others' partitions are left alone. */
  seek(position: KafkaPosition): void;
  /** Nothing more is fetched, or given, of these partitions; others go on, and have all the room. */
  pause(partitions: readonly KafkaPartition[]): void;
  resume(partitions: readonly KafkaPartition[]): void;
  /** For the group's next start, and for whoever watches its lag. */
  commit(positions: readonly KafkaPosition[]): Promise<void>;
  /** Of all partitions of its topics. */
  ranges(): Promise<readonly KafkaRange[]>;
  readonly assigned: readonly KafkaPartition[];
  /** Leaves the group; `next` ends. */
  close(): Promise<void>;
}

/** Records that are not read: retention has deleted them, or the topic was made anew; or, where `damage` says so, they are damaged. */
export interface KafkaSkip extends KafkaPosition {
  readonly nextOffset: number;
  readonly damage?: { readonly reason: string; readonly bytes: Uint8Array };
}

export interface KafkaConsumerOptions {
  /** Null: it reads all partitions, beside whoever else does, and nothing is committed. */
  readonly group: string | null;
  /** They must exist. */
  readonly topics: readonly string[];
  /** Where a partition begins of which neither `positions` nor the group knows a place. */
  readonly from: "start" | "end";
  /**
   * Asked for partitions that have come to it, before anything of them is given: where to begin. Those left out begin at the
   * group's committed offset. For who keeps positions beside its own state.
   */
  readonly positions?: (assigned: readonly KafkaPartition[]) => Promise<readonly KafkaPosition[]>;
  /** These have gone to another member; batches of them that are not done will come to it too. */
  readonly onRevoked?: (partitions: readonly KafkaPartition[]) => void;
  /** It goes on behind what nobody can read. kafkajs does not tell, and waits for ever before what is damaged. */
  readonly onSkipped?: (skipped: KafkaSkip) => void;
  /**
   * By topic, where it is known: which of this name is meant. Nothing is read of one that was made anew since; `onRemade` is told
   * at each try instead. kafkajs knows no ids, and reads it.
   */
  readonly topicIds?: Readonly<Record<string, string | undefined>>;
  readonly onRemade?: (topic: string) => void;
  /** Told, at each failed try, why it waits. */
  readonly onTrouble?: (reason: string) => void;
  /** Fetched and not yet given: at most about twice as much for each broker. Default 8 MiB; a single record may be larger. */
  readonly fetchBytesMax?: number;
  /** How long a broker waits for the first byte. Default 100. */
  readonly fetchWaitMs?: number;
  /** A member unheard for longer is put out of the group. Default 10,000. */
  readonly sessionMs?: number;
  /** How often it looks for partitions that were added. Default 30,000. */
  readonly partitionsEveryMs?: number;
}
