import type { EventTimeMs } from "../event-time.ts";
import { CHUNK_VERSION, readChunkHead } from "./chunk-head.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { HistoryLevel } from "./history-level.ts";
import type { HistoryRows } from "./history-rows.ts";

/** The buckets of one series at one level that begin in one chunk's time. */
export interface HistoryChunk {
  readonly rows: HistoryRows;
  /** Everything of the series before this is rolled up; what is later is in its panes only. */
  readonly rolledToMs: EventTimeMs;
}

/**
 * One chunk on disk:
 *
 *   u8   version (1)
 *   u8   count of accumulators, then of each:
 *     u8   number
 *     u8   count of its parameters, then f64 each
 *   f64  rolledToMs
 *   u16  count of buckets, then u16 each: which bucket of the chunk, ascending
 *   of each field of the accumulators, in order:
 *     u8   1: f64 of each bucket; 0: one f64, the same of all. Most are: nothing is beside, and counts do not change
 *
 * All little-endian.
 */
export function encodeChunk(
  { rows, rolledToMs }: HistoryChunk,
  level: HistoryLevel,
  startMs: EventTimeMs,
): Uint8Array {
  const { accumulators, stride } = rows.fields;
  const { size, state } = rows;
  const isVarying = Array.from({ length: stride }, (_, field) => varies(rows, field));
  let length = 2 + 8 + 2 + 2 * size;
  for (const { params } of accumulators) length += 2 + 8 * params.length;
  for (const varying of isVarying) length += 1 + 8 * (varying ? size : 1);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes[0] = CHUNK_VERSION;
  bytes[1] = accumulators.length;
  let at = 2;
  for (const { id, params } of accumulators) {
    bytes[at++] = id;
    bytes[at++] = params.length;
    for (const param of params) at = putFloat(view, at, param);
  }
  at = putFloat(view, at, rolledToMs);
  view.setUint16(at, size, true);
  at += 2;
  for (const bucketMs of rows.starts) {
    view.setUint16(at, (bucketMs - startMs) / level.bucketMs, true);
    at += 2;
  }
  for (const [field, varying] of isVarying.entries()) {
    bytes[at++] = varying ? 1 : 0;
    const end = varying ? size : 1;
    for (let row = 0; row < end; row++) at = putFloat(view, at, size === 0 ? 0 : state[row * stride + field]);
  }
  return bytes;
}

/** To the bit: -0 is another than 0. */
function varies({ size, state, fields: { stride } }: HistoryRows, field: number): boolean {
  for (let row = 1; row < size; row++) if (!Object.is(state[row * stride + field], state[field])) return true;
  return false;
}

/** Null on bad bytes, and of a newer version. */
export function decodeChunk(
  bytes: Uint8Array,
  level: HistoryLevel,
  startMs: EventTimeMs,
): HistoryChunk | null {
  return new ChunkReader(level, (fields) => fields).read(bytes, startMs);
}

/** How many buckets are in a chunk; 0 on bad bytes. */
export function chunkBuckets(bytes: Uint8Array): number {
  return readChunkHead(bytes)?.count ?? 0;
}

function putFloat(view: DataView, at: number, value: number): number {
  view.setFloat64(at, value, true);
  return at + 8;
}
