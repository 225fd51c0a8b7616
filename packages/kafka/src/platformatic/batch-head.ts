/**
 * Where the fields of a record batch stand, format 2 (https://kafka.apache.org/documentation/#recordbatch); all big-endian.
 *
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
 *       51    2  its epoch
 *       53    4  its sequence
 *       57    4  count of records
 *       61       the records, compressed or not
 */
export const BATCH_HEAD = {
  firstOffset: 0,
  length: 8,
  lengthFrom: 12,
  leaderEpoch: 12,
  format: 16,
  crc: 17,
  crcFrom: 21,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTime: 27,
  greatestTime: 35,
  producerId: 43,
  producerEpoch: 51,
  firstSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

/** The format that Kafka writes since 0.11. */
export const BATCH_FORMAT = 2;

/** In the attributes' lowest three bits. */
export const COMPRESSION = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
