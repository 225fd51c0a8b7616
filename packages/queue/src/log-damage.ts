import { crc32c } from "@millrace/wire";
import { maskedCrc } from "./level-block.ts";

/** LevelDB's log (doc/log_format.md): blocks; in them records of masked CRC-32C, u16 length, u8 type, payload. */
const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const TYPE_MAX = 4;
const CRC_FROM = 6;

/**
 * Whether LevelDB will leave out records of this log that it had written whole. It does so without an error: of a block with
 * a bad record it drops the rest, and a length beyond the end of the file it takes for a write that was cut short. Such a
 * write is no damage; but it has nothing sound behind it.
 */
export function isLogDamaged(log: Uint8Array): boolean {
  for (let blockAt = 0; blockAt < log.length; blockAt += BLOCK_BYTES) {
    const block = log.subarray(blockAt, blockAt + BLOCK_BYTES);
    if (isBlockDamaged(block, blockAt + BLOCK_BYTES >= log.length)) return true;
  }
  return false;
}

function isBlockDamaged(block: Uint8Array, isLast: boolean): boolean {
  let at = 0;
  while (at + HEADER_BYTES <= block.length) {
    const end = recordEnd(block, at);
    if (end > block.length) return !isLast || hasSoundRecord(block, at + 1);
    if (!isSound(block, at)) return block.subarray(at).some((byte) => byte !== 0);
    at = end;
  }
  return false;
}

function hasSoundRecord(block: Uint8Array, from: number): boolean {
  for (let at = from; at + HEADER_BYTES <= block.length; at += 1) {
    if (recordEnd(block, at) <= block.length && isSound(block, at)) return true;
  }
  return false;
}

function recordEnd(block: Uint8Array, at: number): number {
  return at + HEADER_BYTES + block[at + 4] + block[at + 5] * 256;
}

function isSound(block: Uint8Array, at: number): boolean {
  const type = block[at + CRC_FROM];
  if (type === 0 || type > TYPE_MAX) return false;
  const stored = new DataView(block.buffer, block.byteOffset).getUint32(at, true);
  const crc = crc32c(block.subarray(at + CRC_FROM, recordEnd(block, at)));
  return stored === maskedCrc(crc);
}
