import { Admin, Consumer, ListOffsetTimestamps } from "@platformatic/kafka";

export interface TopicRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export async function createTopic(broker: string, topic: string, partitions: number): Promise<void> {
  const admin = new Admin({ clientId: "test", bootstrapBrokers: [broker] });
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
  await admin.close();
}

/** All records of a topic, each partition's in order. */
export async function topicRecords(broker: string, topic: string): Promise<TopicRecord[]> {
  const consumer = new Consumer({
    clientId: "test",
    groupId: `test-${process.pid}`,
    bootstrapBrokers: [broker],
  });
  const latest = await consumer.listOffsets({ topics: [topic], timestamp: ListOffsetTimestamps.LATEST });
  const ends = latest.get(topic) ?? [];
  const expected = ends.reduce((sum, end) => sum + end, 0n);
  const records: TopicRecord[] = [];
  const stream = await consumer.consume({
    topics: [topic],
    mode: "earliest",
    autocommit: false,
    maxWaitTime: 100,
    sessionTimeout: 10_000,
    heartbeatInterval: 1_000,
  });
  for await (const { partition, offset, key, value, headers } of stream) {
    const named = Array.from(headers, ([name, text]) => [name.toString(), text.toString()] as const);
    records.push({ partition, offset, key: key.toString(), value, headers: Object.fromEntries(named) });
    if (BigInt(records.length) >= expected) break;
  }
  await consumer.close(true);
  return records.toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}
