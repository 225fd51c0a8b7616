import { compressionsAlgorithmsByBitmask, crc32c } from "@platformatic/kafka";
import { BATCH_FORMAT, BATCH_HEAD } from "./batch-head.ts";

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
  /** Its records, one after another. */
  body(): Buffer;
}

/** In the attributes. */
const COMPRESSION = 0x07;
const HAS_APPEND_TIME = 0x08;
const IS_TRANSACTIONAL = 0x10;
const IS_CONTROL = 0x20;

/** The whole batches in these bytes. Throws at one that is damaged, or in a format of before Kafka 0.11. */
export function* batchesIn(bytes: Buffer): Iterable<FetchedBatch> {
  for (let at = 0; at + BATCH_HEAD.records <= bytes.length;) {
    const end = at + BATCH_HEAD.lengthFrom + bytes.readInt32BE(at + BATCH_HEAD.length);
    if (end > bytes.length) return;
    yield batchOf(bytes.subarray(at, end));
    at = end;
  }
}

function batchOf(bytes: Buffer): FetchedBatch {
  const firstOffset = Number(bytes.readBigInt64BE(BATCH_HEAD.firstOffset));
  const format = bytes[BATCH_HEAD.format];
  if (format !== BATCH_FORMAT)
    throw new Error(`the batch at offset ${firstOffset} is of format ${format}, not ${BATCH_FORMAT}`);
  if (
    bytes.length < BATCH_HEAD.records ||
    crc32c(bytes.subarray(BATCH_HEAD.crcFrom)) !== bytes.readUInt32BE(BATCH_HEAD.crc)
  )
    throw new Error(`the batch at offset ${firstOffset} is damaged: its checksum is another`);
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
    body: () => {
      const compressed = bytes.subarray(BATCH_HEAD.records);
      const algorithm = compressionsAlgorithmsByBitmask[attributes & COMPRESSION];
      if (algorithm === undefined)
        throw new Error(`the batch at offset ${firstOffset} is compressed in an unknown way`);
      return algorithm.decompressSync(compressed);
    },
  };
}
