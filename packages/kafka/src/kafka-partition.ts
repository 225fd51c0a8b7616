export interface KafkaPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The next offset to read. */
export interface KafkaPosition extends KafkaPartition {
  readonly offset: number;
}

/** What a partition holds: `startOffset <= offset < endOffset`. */
export interface KafkaRange extends KafkaPartition {
  readonly startOffset: number;
  readonly endOffset: number;
}

export function partitionKey({ topic, partition }: KafkaPartition): string {
  return `${topic}:${partition}`;
}
