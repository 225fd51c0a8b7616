import { PlatformaticClient } from "@millrace/kafka";
import { Admin } from "@platformatic/kafka";

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
  const client = new PlatformaticClient({ brokers: [broker], clientId: "test", tls: null, sasl: null });
  const consumer = client.consumer({ group: null, topics: [topic], from: "start" });
  const ranges = await consumer.ranges();
  const left = new Map(
    ranges
      .filter(({ startOffset, endOffset }) => startOffset < endOffset)
      .map(({ partition, endOffset }) => [partition, endOffset]),
  );
  const found: TopicRecord[] = [];
  while (left.size > 0) {
    const batch = await consumer.next();
    if (batch === null) throw new Error("the consumer was closed");
    const { partition, records, nextOffset } = batch;
    for (const { offset, key, value, headers } of records) {
      const named = headers.map(([name, text]) => [name, textOf(text)] as const);
      const [keyText, bytes] = [textOf(key), value ?? new Uint8Array()];
      found.push({
        partition,
        offset: BigInt(offset),
        key: keyText,
        value: bytes,
        headers: Object.fromEntries(named),
      });
    }
    if (nextOffset >= (left.get(partition) ?? 0)) left.delete(partition);
  }
  await consumer.close();
  return found.toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? "" : Buffer.from(bytes).toString();
}
