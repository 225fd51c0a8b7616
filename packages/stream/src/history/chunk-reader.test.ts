// Reading some columns of a chunk is reading all of it and leaving the others out, whatever was read before.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ACCUMULATORS } from "../accumulators/table.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { decodeChunk, encodeChunk } from "./history-chunk.ts";
import { HISTORY_LEVELS } from "./history-level.ts";
import { historyFields, HistoryRows } from "./history-rows.ts";

const { count, sum, min, max, mean, beside } = ACCUMULATORS;
const LEVEL = HISTORY_LEVELS[4];
const START_MS = 4 * LEVEL.chunkMs;

const others = fc.subarray([sum, min, max, mean, beside]);
const fields = others.map((some) => historyFields([count, ...some]));
const number = fc.oneof(fc.constantFrom(0, -0, 1, 2.5, NaN, Infinity), fc.double());

const rows = fields.chain((of) =>
  fc
    .array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.array(number, { minLength: 18, maxLength: 18 })))
    .map((buckets) => {
      const made = new HistoryRows(of);
      const byBucket = new Map(buckets);
      for (const bucket of [...byBucket.keys()].sort((a, b) => a - b))
        made.add(START_MS + bucket * LEVEL.bucketMs, Float64Array.from(byBucket.get(bucket) ?? []), 0);
      return made;
    }),
);

function content({ starts, state, size, fields: { stride } }: HistoryRows) {
  return [...starts].map((startMs, row) => [
    startMs,
    ...state.subarray(row * stride, (row + 1) * stride),
    size,
  ]);
}

test("some columns of one chunk after another are those of the whole chunks", () => {
  fc.assert(
    fc.property(fields, fc.array(rows, { maxLength: 4 }), (wanted, all) => {
      const reader = new ChunkReader(LEVEL, () => wanted);
      for (const [index, each] of all.entries()) {
        const bytes = encodeChunk({ rows: each, rolledToMs: index }, LEVEL, START_MS);
        const whole = decodeChunk(bytes, LEVEL, START_MS);
        const read = reader.read(bytes, START_MS);
        expect(read?.rolledToMs).toBe(index);
        expect(read && content(read.rows)).toEqual(whole && content(whole.rows.as(wanted)));
        expect(whole && content(whole.rows)).toEqual(content(each));
        // What is cut short is refused, whichever columns are read, and the next is read as if it had not been there.
        for (let length = 0; length < bytes.length; length++)
          expect(reader.read(bytes.subarray(0, length), START_MS)).toBeNull();
      }
    }),
  );
});

test("bytes that are damaged anywhere never throw", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(rows, damage, fc.nat(), (all, flips, end) => {
      const bytes = encodeChunk({ rows: all, rolledToMs: 0 }, LEVEL, START_MS);
      for (const [at, bits] of flips) bytes[at % bytes.length] ^= bits;
      decodeChunk(bytes, LEVEL, START_MS);
      decodeChunk(bytes.subarray(0, end % bytes.length), LEVEL, START_MS);
    }),
  );
});
