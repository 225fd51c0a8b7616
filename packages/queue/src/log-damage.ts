import { isRecordSound, LOG_BLOCK_BYTES, RECORD_HEADER_BYTES, recordEnd } from "./level-log.ts";

/**
 * Whether LevelDB will leave out records of this log that it had written whole. It does so without an error: of a block with
 * a bad record it drops the rest, and a length beyond the end of the file it takes for a write that was cut short. Such a
 * write is no damage; but it has nothing sound behind it.
 */
export function isLogDamaged(log: Uint8Array): boolean {
  for (let blockAt = 0; blockAt < log.length; blockAt += LOG_BLOCK_BYTES) {
    const block = log.subarray(blockAt, blockAt + LOG_BLOCK_BYTES);
    if (isBlockDamaged(block, blockAt + LOG_BLOCK_BYTES >= log.length)) return true;
  }
  return false;
}

function isBlockDamaged(block: Uint8Array, isLast: boolean): boolean {
  let at = 0;
  while (at + RECORD_HEADER_BYTES <= block.length) {
    const end = recordEnd(block, at);
    if (end > block.length) return !isLast || hasSoundRecord(block, at + 1);
    if (!isRecordSound(block, at)) return block.subarray(at).some((byte) => byte !== 0);
    at = end;
  }
  return false;
}

function hasSoundRecord(block: Uint8Array, from: number): boolean {
  for (let at = from; at + RECORD_HEADER_BYTES <= block.length; at += 1) {
    if (recordEnd(block, at) <= block.length && isRecordSound(block, at)) return true;
  }
  return false;
}
