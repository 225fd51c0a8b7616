import { crc32c } from "@millrace/wire";
import { maskedCrc } from "./level-block.ts";

/**
 * LevelDB's log (doc/log_format.md), which its manifest is, too: blocks; in them records of masked CRC-32C, u16 length, u8
 * type, payload. The checksum is of the type and the payload.
 */
export const LOG_BLOCK_BYTES = 32 * 1024;
export const RECORD_HEADER_BYTES = 7;
/** Where the type stands, and what the checksum is of begins. */
export const TYPE_AT = 6;
export const RECORD_TYPE = { full: 1, first: 2, middle: 3, last: 4 } as const;

export function recordEnd(log: Uint8Array, at: number): number {
  return at + RECORD_HEADER_BYTES + log[at + 4] + log[at + 5] * 256;
}

/** Only where its end is not beyond the bytes. */
export function isRecordSound(log: Uint8Array, at: number): boolean {
  const type = log[at + TYPE_AT];
  if (type < RECORD_TYPE.full || type > RECORD_TYPE.last) return false;
  const stored = new DataView(log.buffer, log.byteOffset).getUint32(at, true);
  return stored === maskedCrc(crc32c(log.subarray(at + TYPE_AT, recordEnd(log, at))));
}
