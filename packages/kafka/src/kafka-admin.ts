/** Makes topics, and tells of them. */
export interface KafkaAdmin {
  /** False where it exists already, as it is. */
  createTopic(topic: NewKafkaTopic): Promise<boolean>;
  /** Null where it does not exist. */
  describeTopic(topic: string): Promise<KafkaTopic | null>;
  /** Kafka's own names and texts, those in force. Null where this user may not ask, or it does not exist. */
  topicSettings(topic: string): Promise<Readonly<Record<string, string>> | null>;
  /** To so many in all. Keys of before may be in other partitions afterwards. */
  addPartitions(topic: string, partitions: number): Promise<void>;
  close(): Promise<void>;
}

export interface NewKafkaTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicas: number;
  /** Kafka's own names: `min.insync.replicas`, `retention.ms` … */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface KafkaTopic {
  readonly topic: string;
  /** Another one of the same name, made anew, has another. Absent where the client does not tell. */
  readonly id?: string;
  readonly partitions: number;
  /** Of the partition that has fewest. */
  readonly replicas: number;
  readonly replicasInSync: number;
}
