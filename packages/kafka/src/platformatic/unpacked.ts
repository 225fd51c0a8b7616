import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { compressionsAlgorithms } from "@platformatic/kafka";
import { COMPRESSION } from "./batch-head.ts";

/** As Java's library frames snappy: this, two numbers, then blocks that each have their length before them. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_BLOCKS_AT = 16;
/** LZ4's frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md). */
const LZ4_MAGIC = 0x184d2204;
const LZ4_FRAME = { flags: 4, sizes: 5, fields: 6 } as const;
const LZ4_FLAGS = {
  blockChecksums: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
  dictionary: 0x01,
} as const;
const LZ4_IS_PLAIN = 0x8000_0000;
/** No block becomes larger by more. */
const LZ4_RATIO_MAX = 255;

/**
 * What was packed, of at most `bytesMax`: a megabyte can be packed from gigabytes, and nobody may take the memory before that is
 * known. Throws where it is more, or is packed in no way that Kafka knows.
 */
export function unpacked(packed: Buffer, compression: number, bytesMax: number): Buffer {
  switch (compression) {
    case COMPRESSION.none:
      return packed;
    case COMPRESSION.gzip:
      return bounded(() => gunzipSync(packed, { maxOutputLength: bytesMax }), bytesMax);
    case COMPRESSION.zstd:
      return bounded(() => zstdDecompressSync(packed, { maxOutputLength: bytesMax }), bytesMax);
    case COMPRESSION.snappy:
      if (snappyBytes(packed) > bytesMax) throw tooLarge(bytesMax);
      return compressionsAlgorithms.snappy.decompressSync(packed);
    case COMPRESSION.lz4:
      if (lz4BytesMax(packed) > bytesMax) throw tooLarge(bytesMax);
      return compressionsAlgorithms.lz4.decompressSync(packed);
    default:
      throw new Error("it is packed in an unknown way");
  }
}

function bounded(unpack: () => Buffer, bytesMax: number): Buffer {
  try {
    return unpack();
  } catch (error) {
    throw error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
      ? tooLarge(bytesMax)
      : error;
  }
}

function tooLarge(bytesMax: number): Error {
  return new Error(`it unpacks to more than ${bytesMax / 2 ** 20} MiB`);
}

/** As its blocks say it. */
function snappyBytes(packed: Buffer): number {
  if (!packed.subarray(0, XERIAL.length).equals(XERIAL)) return varint(packed, 0);
  let bytes = 0;
  for (let at = XERIAL_BLOCKS_AT; at + 4 < packed.length; at += 4 + packed.readUInt32BE(at))
    bytes += varint(packed, at + 4);
  return bytes;
}

/** Unsigned, of up to 32 bits. */
function varint(bytes: Buffer, from: number): number {
  let [number, scale] = [0, 1];
  for (let at = from; at < from + 5 && at < bytes.length; at += 1, scale *= 0x80) {
    number += (bytes[at] & 0x7f) * scale;
    if (bytes[at] < 0x80) break;
  }
  return number;
}

/** No more than this can come out of its frames. */
function lz4BytesMax(packed: Buffer): number {
  let bytes = 0;
  let at = 0;
  while (at + LZ4_FRAME.fields < packed.length && packed.readUInt32LE(at) === LZ4_MAGIC) {
    const has = (flag: number) => (packed[at + LZ4_FRAME.flags] & flag) !== 0;
    const blockMax = 2 ** (8 + 2 * ((packed[at + LZ4_FRAME.sizes] >> 4) & 0x07));
    const [checksumBytes, endBytes] = [
      has(LZ4_FLAGS.blockChecksums) ? 4 : 0,
      has(LZ4_FLAGS.contentChecksum) ? 4 : 0,
    ];
    const fieldBytes = (has(LZ4_FLAGS.contentSize) ? 8 : 0) + (has(LZ4_FLAGS.dictionary) ? 4 : 0);
    // Behind the fields: a checksum of the head.
    at += LZ4_FRAME.fields + fieldBytes + 1;
    for (; at + 4 <= packed.length; at += checksumBytes) {
      const length = packed.readUInt32LE(at);
      at += 4;
      if (length === 0) break;
      const isPlain = length >= LZ4_IS_PLAIN;
      const size = isPlain ? length - LZ4_IS_PLAIN : length;
      bytes += isPlain ? size : Math.min(blockMax, LZ4_RATIO_MAX * size);
      at += size;
    }
    at += endBytes;
  }
  return bytes;
}
