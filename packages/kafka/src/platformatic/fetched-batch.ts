import { compressionsAlgorithmsByBitmask, crc32c } from "@platformatic/kafka";

/** A batch of records, format 2 (Kafka's documentation, "Record Batch"). */
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

/*
 *   offset size
 *        0    8  first offset
 *        8    4  length of what follows
 *       12    4  leader's epoch
 *       16    1  format
 *       17    4  CRC-32C of everything after this field
 *       21    2  attributes
 *       23    4  last offset − first offset
 *       27    8  first time, ms
 *       35    8  greatest time, ms
 *       43    8  producer's id
 *       51    6  its epoch and sequence
 *       57    4  count of records
 *       61       the records, compressed or not
 */
const LENGTH_AT = 8;
const LENGTH_FROM = 12;
const FORMAT_AT = 16;
const CRC_AT = 17;
const CRC_FROM = 21;
const RECORDS_AT = 61;
const FORMAT = 2;
/** In the attributes. */
const COMPRESSION = 0x07;
const HAS_APPEND_TIME = 0x08;
const IS_TRANSACTIONAL = 0x10;
const IS_CONTROL = 0x20;

/** The whole batches in these bytes. Throws at one that is damaged, or in a format of before Kafka 0.11. */
export function* batchesIn(bytes: Buffer): Iterable<FetchedBatch> {
  for (let at = 0; at + RECORDS_AT <= bytes.length;) {
    const end = at + LENGTH_FROM + bytes.readInt32BE(at + LENGTH_AT);
    if (end > bytes.length) return;
    yield batchOf(bytes.subarray(at, end));
    at = end;
  }
}

function batchOf(bytes: Buffer): FetchedBatch {
  const firstOffset = Number(bytes.readBigInt64BE(0));
  const format = bytes[FORMAT_AT];
  if (format !== FORMAT) throw new Error(`the batch at offset ${firstOffset} is of format ${format}, not 2`);
  if (bytes.length < RECORDS_AT || crc32c(bytes.subarray(CRC_FROM)) !== bytes.readUInt32BE(CRC_AT))
    throw new Error(`the batch at offset ${firstOffset} is damaged: its checksum is another`);
  const attributes = bytes.readInt16BE(21);
  return {
    firstOffset,
    lastOffset: firstOffset + bytes.readInt32BE(23),
    firstMs: Number(bytes.readBigInt64BE(27)),
    appendMs: (attributes & HAS_APPEND_TIME) === 0 ? null : Number(bytes.readBigInt64BE(35)),
    producerId: bytes.readBigInt64BE(43),
    isTransactional: (attributes & IS_TRANSACTIONAL) !== 0,
    isControl: (attributes & IS_CONTROL) !== 0,
    recordCount: bytes.readInt32BE(57),
    body: () => {
      const compressed = bytes.subarray(RECORDS_AT);
      const algorithm = compressionsAlgorithmsByBitmask[attributes & COMPRESSION];
      if (algorithm === undefined)
        throw new Error(`the batch at offset ${firstOffset} is compressed in an unknown way`);
      return algorithm.decompressSync(compressed);
    },
  };
}
