// Records out of what one fetch brought: from the offset that was asked for, without the marks of transactions.
import { expect, test } from "vitest";
import { recordsOf } from "./records-of.ts";

function batch(firstOffset: number, values: readonly string[], attributes = 0) {
  return {
    firstOffset: BigInt(firstOffset),
    length: 0,
    partitionLeaderEpoch: 0,
    magic: 2,
    crc: 0,
    attributes,
    lastOffsetDelta: values.length - 1,
    firstTimestamp: 1_000n,
    maxTimestamp: 9_000n,
    producerId: -1n,
    producerEpoch: -1,
    firstSequence: -1,
    records: values.map((value, index) => ({
      length: 0,
      attributes: 0,
      timestampDelta: BigInt(index),
      offsetDelta: index,
      key: null,
      value: Buffer.from(value),
      headers: [] as [Buffer, Buffer][],
    })),
  };
}

const seen = (records: ReturnType<typeof recordsOf>) =>
  records.map(({ offset, timestampMs, value }) => [offset, timestampMs, value?.toString()]);

test("a batch that begins before the offset gives the rest of it", () => {
  expect(seen(recordsOf([batch(5, ["a", "b", "c"]), batch(8, ["d"])], 6))).toEqual([
    [6, 1_001, "b"],
    [7, 1_002, "c"],
    [8, 1_000, "d"],
  ]);
});

test("a transaction's mark is no record; where the broker sets the time, it is the batch's", () => {
  expect(seen(recordsOf([batch(0, ["a"], 0x08), batch(1, ["mark"], 0x20)], 0))).toEqual([[0, 9_000, "a"]]);
});
