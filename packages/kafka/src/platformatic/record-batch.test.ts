// Batches that are written by ourselves are read by the client library as what they were made of, and keys go where it sends them.
import { compatibilityPartitioner, Reader, readRecordsBatch } from "@platformatic/kafka";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { KafkaSentRecord } from "../kafka-producer.ts";
import { keyPartition } from "./key-partition.ts";
import { RecordBatch } from "./record-batch.ts";

const NOW_MS = 1_767_571_200_000;
const PLACE = { producerId: 7n, producerEpoch: 3, firstSequence: 41 };

function readBack(records: readonly KafkaSentRecord[]) {
  const batch = new RecordBatch();
  for (const record of records) batch.append(record, NOW_MS);
  expect(batch.count).toBe(records.length);
  const bytes = batch.bytes(PLACE);
  expect(bytes.length).toBe(batch.byteLength);
  const read = readRecordsBatch(Reader.from(Buffer.from(bytes)));
  return {
    read,
    records: read.records.map(({ key, value, headers, timestampDelta }) => ({
      key: hexOf(key),
      value: hexOf(value),
      headers: [...headers].map((pair) => pair.map(hexOf)),
      timeMs: Number(read.firstTimestamp + timestampDelta),
    })),
  };
}

const hexOf = (text: string | Uint8Array | null): string | null =>
  text === null ? null : Buffer.from(text).toString("hex");

const expectedOf = ({ key, value, headers = {}, timestampMs = NOW_MS }: KafkaSentRecord) => ({
  key: hexOf(key),
  value: hexOf(value),
  headers: Object.entries(headers).map((pair) => pair.map(hexOf)),
  timeMs: timestampMs,
});

const text = fc.oneof(
  fc.constant(null),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
  // Lengths whose varint grows as the text becomes UTF-8.
  fc.integer({ min: 20, max: 70 }).map((length) => "é".repeat(length)),
  fc.integer({ min: 2_700, max: 2_800 }).map((length) => "北".repeat(length)),
);
const record = fc.record<KafkaSentRecord>(
  {
    topic: fc.constant("t"),
    key: text,
    value: text,
    headers: fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ unit: "grapheme" }), { maxKeys: 3 }),
    timestampMs: fc.integer({ min: NOW_MS - 1e9, max: NOW_MS + 1e9 }),
  },
  { requiredKeys: ["topic", "key", "value"] },
);

test("any records are read back, with key, value, time and headers", () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 60 }), (records) => {
      const { read, records: found } = readBack(records);
      expect(found).toEqual(records.map(expectedOf));
      const times = records.map(({ timestampMs = NOW_MS }) => timestampMs);
      expect(read).toMatchObject({
        magic: 2,
        lastOffsetDelta: records.length - 1,
        firstOffset: 0n,
        ...PLACE,
      });
      expect(Number(read.maxTimestamp)).toBe(Math.max(...times));
    }),
    { numRuns: 200 },
  );
});

test("a megabyte in one record, and one that makes the buffer grow, come whole", () => {
  const large = { topic: "t", key: "k", value: "x".repeat(1_048_576) };
  const many = Array.from({ length: 3_000 }, (_, at) => ({
    topic: "t",
    key: `${at}`,
    value: `value ${at} 北京`,
  }));
  expect(readBack([large, ...many]).records).toEqual([large, ...many].map(expectedOf));
});

test("a key has the partition that the client library, as Java's, gives it", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "grapheme" }), fc.uint8Array()),
      fc.integer({ min: 1, max: 64 }),
      (key, count) => {
        const bytes = Buffer.from(key);
        const asked = compatibilityPartitioner({ topic: "t", value: bytes }, bytes) % count;
        expect(keyPartition(key, count)).toBe(asked);
      },
    ),
    { numRuns: 1_000 },
  );
});
