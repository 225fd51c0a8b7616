import { LANES, type Lane } from "@millrace/stream";

/**
 * The queue's part of a store: keys that begin with 00–2f; 30–ff are the caller's. A key is a prefix byte, then
 * big-endian numbers of fixed width, so that byte order is the order of sequences. Integers in values are big-endian
 * too; an `i64` is a safe integer.
 *
 *   00                      meta        JSON { format: "millrace", kind, version }: whose store, and in which format
 *   01                      identity    JSON { storeId, epoch }
 *   02 u8 lane              lane        JSON { oldest, acked, sent, next, epochs: [{ epoch, from }] }
 *   03                      runs        JSON [{ run, from: { alarm, live, backfill, evidence } }]: the processes that wrote here,
 *                                       oldest first, and the first sequence of each lane that was theirs to append
 *   10 u8 lane u64 sequence batch       sealed batch (packages/wire/src/sealed-batch.ts). Its epoch counts only as long as
 *                                       the lane's `epochs` say no other: it is set anew when the batch is read
 *   11 u8 lane u64 sequence summary     what the queue remembers of the batch without reading it:
 *                                         0 1 kind (index in BATCH_KINDS), 1 4 bytes of the batch,
 *                                         5 8 readings, 13 8 start ms, 21 8 end ms
 *   12 u8 lane u64 minute   ack         u64: the mark acknowledged by the end of that minute (since 1970)
 *
 * Absent batches between `oldest` and `next` were given up: the `skipped` batch before them covers them. A batch that
 * fails its checksum stays where it is until it is trimmed; a `skipped` one, made of its summary, is sent in its place.
 */
export const META_KEY = Uint8Array.of(0x00);
export const IDENTITY_KEY = Uint8Array.of(0x01);
export const RUNS_KEY = Uint8Array.of(0x03);
export const PREFIX = { lane: 0x02, batch: 0x10, summary: 0x11, ack: 0x12 } as const;
export type NumberedPrefix = Exclude<keyof typeof PREFIX, "lane">;

/** The first key that belongs to the caller. */
export const CALLER_KEYS_FROM = Uint8Array.of(0x30);

export function laneKey(lane: Lane): Uint8Array {
  return Uint8Array.of(PREFIX.lane, LANES.indexOf(lane));
}

export function numberedKey(prefix: NumberedPrefix, lane: Lane, number: number): Uint8Array {
  const key = new Uint8Array(10);
  key[0] = PREFIX[prefix];
  key[1] = LANES.indexOf(lane);
  new DataView(key.buffer).setBigUint64(2, BigInt(number));
  return key;
}

export function numberOfKey(key: Uint8Array): number {
  return Number(new DataView(key.buffer, key.byteOffset, key.byteLength).getBigUint64(2));
}

/** All keys of a prefix and lane. */
export function laneRange(prefix: NumberedPrefix, lane: Lane): { from: Uint8Array; to: Uint8Array } {
  return { from: numberedKey(prefix, lane, 0), to: Uint8Array.of(PREFIX[prefix], LANES.indexOf(lane) + 1) };
}

/** Sequences `from` … `to − 1` of a lane. */
export function sequenceRange(
  prefix: NumberedPrefix,
  lane: Lane,
  from: number,
  to: number,
): { from: Uint8Array; to: Uint8Array } {
  return { from: numberedKey(prefix, lane, from), to: numberedKey(prefix, lane, to) };
}
