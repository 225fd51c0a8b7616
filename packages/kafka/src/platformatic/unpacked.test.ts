// What batches unpack to, for every way in which Kafka packs them; and never more than is allowed, whoever has packed them.
import { gzipSync, zstdCompressSync } from "node:zlib";
import { compressionsAlgorithms } from "@platformatic/kafka";
import fc from "fast-check";
import { expect, test } from "vitest";
import { COMPRESSION } from "./batch-head.ts";
import { unpacked } from "./unpacked.ts";

const { snappy, lz4 } = compressionsAlgorithms;
/** As Java's library does it. */
function xerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = [
    Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00, 0, 0, 0, 1, 0, 0, 0, 1]),
  ];
  for (let at = 0; at < bytes.length; at += 32_768) {
    const block = snappy.compressSync(bytes.subarray(at, at + 32_768));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

const WAYS: readonly (readonly [string, number, (bytes: Buffer) => Buffer])[] = [
  ["none", COMPRESSION.none, (bytes) => bytes],
  ["gzip", COMPRESSION.gzip, (bytes) => gzipSync(bytes)],
  ["snappy", COMPRESSION.snappy, (bytes) => snappy.compressSync(bytes)],
  ["snappy in Java's frames", COMPRESSION.snappy, xerial],
  ["lz4", COMPRESSION.lz4, (bytes) => lz4.compressSync(bytes)],
  ["zstd", COMPRESSION.zstd, (bytes) => zstdCompressSync(bytes)],
];

test.each(WAYS)("%s: what was packed", (_, compression, pack) => {
  // Never nothing: what packs here fails at that once its memory has grown, and no broker packs it.
  const part = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.integer({ min: 1, max: 3_000 }));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const bytes = Buffer.concat(
        parts.flatMap(([some, times]) => Array.from({ length: times }, () => some)),
      );
      expect(unpacked(pack(bytes), compression, 2 ** 20).equals(bytes)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test.each(WAYS.slice(1))("%s: not one byte more than is allowed", (_, compression, pack) => {
  // In whole blocks, of which LZ4 has only a bound.
  const bytes = Buffer.alloc(4 * 2 ** 20);
  expect(unpacked(pack(bytes), compression, bytes.length).length).toBe(bytes.length);
  expect(() => unpacked(pack(bytes), compression, bytes.length - 1)).toThrow("it unpacks to more than 3.9");
});

test.each(WAYS.slice(1))("%s: junk is refused, or gives no more than is allowed", (_, compression, pack) => {
  const good = pack(Buffer.from("a".repeat(10_000)));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      try {
        expect(unpacked(bytes, compression, 20_000).length).toBeLessThanOrEqual(20_000);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});

test("a way of packing that Kafka does not know is said", () => {
  expect(() => unpacked(Buffer.alloc(9), 6, 100)).toThrow("it is packed in an unknown way");
});
