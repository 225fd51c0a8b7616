/*
 * A zstd frame (RFC 8878, 3.1.1):
 *
 *   u32le  magic number
 *   u8     descriptor       bits 7–6: how long the size of the content is, 5: single segment, 2: has a checksum, 1–0: has a dictionary
 *   u8     window           not of a single segment
 *   …      content's size   little-endian; of two bytes it is 256 less
 *   …      blocks           u24le: bit 0: the last, bits 2–1: kind, the rest: size; then the content, of kind 1 a single byte
 *   u32le  checksum         where there is one
 */
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const SINGLE_SEGMENT = 0x20;
const CHECKSUM = 0x04;
const DICTIONARY = 0x03;
const RUN_BLOCK = 1;
const RESERVED_BLOCK = 3;

/**
 * How much these bytes unpack to, where they are a single whole frame that says so in four bytes or fewer, and needs no
 * dictionary; otherwise null. What it says need not be true.
 */
export function zstdContentBytes(bytes: Uint8Array): number | null {
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) return null;
  const descriptor = bytes[4];
  if ((descriptor & DICTIONARY) !== 0) return null;
  const isSingle = (descriptor & SINGLE_SEGMENT) !== 0;
  const sizeFlag = descriptor >>> 6;
  const sizeBytes = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
  if (sizeBytes === 0 || sizeBytes > 4) return null;
  let at = isSingle ? 5 : 6;
  let size = sizeBytes === 2 ? 256 : 0;
  for (let index = 0; index < sizeBytes; index += 1) size += bytes[at + index] * 2 ** (8 * index);
  at += sizeBytes;
  for (let isLast = false; !isLast;) {
    if (at + 3 > bytes.length) return null;
    const header = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
    const kind = (header >>> 1) & 3;
    if (kind === RESERVED_BLOCK) return null;
    isLast = (header & 1) === 1;
    at += 3 + (kind === RUN_BLOCK ? 1 : header >>> 3);
  }
  if ((descriptor & CHECKSUM) !== 0) at += 4;
  return at === bytes.length ? size : null;
}
