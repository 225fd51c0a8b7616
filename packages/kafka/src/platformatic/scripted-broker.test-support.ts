import { EventEmitter } from "node:events";
import type { Clock } from "@millrace/runtime";
import * as kafka from "@platformatic/kafka";
import type { FetchedPartition } from "./fetch-api.ts";

export const TOPIC = "orders";
const TOPIC_ID = "id of orders";

/** What one partition has at an offset, of at most so many bytes. */
export type ScriptedLog = (
  offset: number,
  bytesMax: number,
) => Partial<Pick<FetchedPartition, "bytes" | "refusal">>;

/** One broker that leads all partitions of one topic, behind the client library's names. */
export class ScriptedBroker {
  readonly #clock: Clock;
  logs: readonly ScriptedLog[] = [];
  /** Partitions and offsets of each fetch. */
  readonly asked: { readonly partition: number; readonly offset: number }[][] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In place of the library's. */
  get library() {
    const partitionsCount = () => this.logs.length;
    const fetch = (bytesMax: number, partitions: readonly AskedPartition[]) =>
      this.#fetch(bytesMax, partitions);
    class Consumer extends EventEmitter {
      readonly topics = { track: () => undefined };
      readonly memberId = "member";
      readonly connections = { get: async () => ({}), on: () => undefined };

      get assignments() {
        const partitions = Array.from({ length: partitionsCount() }, (_, partition) => partition);
        return [{ topic: TOPIC, partitions }];
      }

      clearMetadata() {}

      isActive() {
        return true;
      }

      async joinGroup() {
        this.emit("consumer:group:join");
      }

      async metadata() {
        const partitions = Array.from({ length: partitionsCount() }, () => ({ leader: 1 }));
        const topic = { id: TOPIC_ID, partitionsCount: partitions.length, partitions };
        return { topics: new Map([[TOPIC, topic]]), brokers: new Map([[1, {}]]) };
      }

      async close() {}
    }
    const async = async (...args: unknown[]): Promise<readonly FetchedPartition[]> => {
      const [{ partitions }] = args[7] as [{ readonly partitions: readonly AskedPartition[] }];
      return fetch(args[3] as number, partitions);
    };
    return { Consumer, createAPI: () => ({ async }) };
  }

  async #fetch(bytesMax: number, partitions: readonly AskedPartition[]) {
    await new Promise<void>((resolve) => this.#clock.after(5, resolve));
    const asked = partitions.map(({ partition, fetchOffset }) => ({
      partition,
      offset: Number(fetchOffset),
    }));
    this.asked.push(asked);
    let leftBytes = bytesMax;
    return asked.map(({ partition, offset }) => {
      const { refusal = null, bytes = Buffer.alloc(0) } = this.logs[partition](offset, leftBytes);
      leftBytes -= bytes.length;
      return { topicId: TOPIC_ID, partition, refusal, endOffset: 1_000_000, aborted: [], bytes };
    });
  }
}

interface AskedPartition {
  readonly partition: number;
  readonly fetchOffset: bigint;
}

/** As a broker has it. */
export function batchOf(firstOffset: number, values: readonly string[]): Buffer {
  const { buffer } = kafka.createRecordsBatch(
    values.map((value) => ({
      topic: TOPIC,
      key: Buffer.alloc(0),
      value: Buffer.from(value),
      timestamp: 1n,
    })),
    { compression: "none" },
  );
  buffer.writeBigInt64BE(BigInt(firstOffset), 0);
  return buffer;
}
