import { crc32c } from "@platformatic/kafka";
import { BATCH_FORMAT, BATCH_HEAD } from "./batch-head.ts";
import { unpacked } from "./unpacked.ts";

/** What a batch may unpack to. Of one that is larger nothing is read. */
export const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

/** A batch of records, as `BATCH_HEAD` describes it. */
export interface FetchedBatch {
  readonly firstOffset: number;
  /** Of its last record, which compaction may have taken away. */
  readonly lastOffset: number;
  readonly firstMs: number;
  /** Of all its records, where the broker has set the time; null where the sender has. */
  readonly appendMs: number | null;
  readonly producerId: bigint;
  readonly isTransactional: boolean;
  /** Its only record is a mark: the end of a transaction. */
  readonly isControl: boolean;
  readonly recordCount: number;
  /** With its head, as they came. */
  readonly bytes: Buffer;
  /** Its records, one after another. Throws where they cannot be unpacked. */
  body(): Buffer;
}

/** A batch that is damaged, or in a format of before Kafka 0.11. */
export interface UnreadableBatch {
  readonly firstOffset: number;
  /** Behind it, as far as can be told. */
  readonly nextOffset: number;
  readonly reason: string;
  readonly bytes: Buffer;
}

/** In the attributes. */
const COMPRESSION_BITS = 0x07;
const HAS_APPEND_TIME = 0x08;
const IS_TRANSACTIONAL = 0x10;
const IS_CONTROL = 0x20;

/** The whole batches in these bytes, up to the first that cannot be read. */
export function batchesIn(bytes: Buffer): {
  readonly batches: readonly FetchedBatch[];
  readonly unreadable: UnreadableBatch | null;
} {
  const batches: FetchedBatch[] = [];
  for (let at = 0; at + BATCH_HEAD.records <= bytes.length;) {
    const end = at + lengthOf(bytes, at);
    if (end > bytes.length) break;
    const batch = bytes.subarray(at, end);
    const reason = damageOf(batch);
    if (reason !== null)
      return { batches, unreadable: { ...placeOf(batch, bytes.subarray(end)), reason, bytes: batch } };
    batches.push(batchOf(batch));
    at = end;
  }
  return { batches, unreadable: null };
}

function lengthOf(bytes: Buffer, at: number): number {
  return Math.max(BATCH_HEAD.records, BATCH_HEAD.lengthFrom + bytes.readInt32BE(at + BATCH_HEAD.length));
}

function firstOffsetOf(bytes: Buffer): number {
  return Number(bytes.readBigInt64BE(BATCH_HEAD.firstOffset));
}

/** Null: none. */
function damageOf(bytes: Buffer): string | null {
  const format = bytes[BATCH_HEAD.format];
  if (format !== BATCH_FORMAT)
    return `the batch at offset ${firstOffsetOf(bytes)} is of format ${format}, not ${BATCH_FORMAT}`;
  return crc32c(bytes.subarray(BATCH_HEAD.crcFrom)) === bytes.readUInt32BE(BATCH_HEAD.crc)
    ? null
    : `the batch at offset ${firstOffsetOf(bytes)} is damaged: its checksum is another`;
}

/** Where a damaged batch stands. Its own count may be what is damaged: the batch behind it knows better, where there is one. */
function placeOf(batch: Buffer, behind: Buffer): Pick<UnreadableBatch, "firstOffset" | "nextOffset"> {
  const firstOffset = firstOffsetOf(batch);
  const length = behind.length < BATCH_HEAD.records ? Infinity : lengthOf(behind, 0);
  if (length <= behind.length && damageOf(behind.subarray(0, length)) === null)
    return { firstOffset, nextOffset: firstOffsetOf(behind) };
  const offsets = batch.readInt32BE(BATCH_HEAD.lastOffsetDelta);
  return { firstOffset, nextOffset: firstOffset + Math.max(0, offsets) + 1 };
}

function batchOf(bytes: Buffer): FetchedBatch {
  const firstOffset = firstOffsetOf(bytes);
  const attributes = bytes.readInt16BE(BATCH_HEAD.attributes);
  return {
    firstOffset,
    lastOffset: firstOffset + bytes.readInt32BE(BATCH_HEAD.lastOffsetDelta),
    firstMs: Number(bytes.readBigInt64BE(BATCH_HEAD.firstTime)),
    appendMs:
      (attributes & HAS_APPEND_TIME) === 0 ? null : Number(bytes.readBigInt64BE(BATCH_HEAD.greatestTime)),
    producerId: bytes.readBigInt64BE(BATCH_HEAD.producerId),
    isTransactional: (attributes & IS_TRANSACTIONAL) !== 0,
    isControl: (attributes & IS_CONTROL) !== 0,
    recordCount: bytes.readInt32BE(BATCH_HEAD.recordCount),
    bytes,
    body: () =>
      unpacked(bytes.subarray(BATCH_HEAD.records), attributes & COMPRESSION_BITS, UNPACKED_BYTES_MAX),
  };
}
