import type { Accumulator } from "../accumulator.ts";
import { accumulatorById } from "../accumulators/table.ts";
import type { EventTimeMs } from "../event-time.ts";
import type { HistoryLevel } from "./history-level.ts";
import { historyFields, HistoryRows } from "./history-rows.ts";

/** The buckets of one series at one level that begin in one chunk's time. */
export interface HistoryChunk {
  readonly rows: HistoryRows;
  /** Everything of the series before this is rolled up; what is later is in its panes only. */
  readonly rolledToMs: EventTimeMs;
}

const VERSION = 1;

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
  bytes[0] = VERSION;
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
  const head = readHead(bytes);
  if (head === null) return null;
  const { accumulators, rolledToMs, count } = head;
  const fields = historyFields(accumulators);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const state = readColumns(view, head.at + 2 * count, { count, stride: fields.stride });
  if (state === null) return null;
  const rows = new HistoryRows(fields, state);
  let beforeMs = -Infinity;
  for (let index = 0; index < count; index++) {
    const bucketMs = startMs + view.getUint16(head.at + 2 * index, true) * level.bucketMs;
    if (bucketMs >= startMs + level.chunkMs || bucketMs <= beforeMs) return null;
    rows.starts.push(bucketMs);
    beforeMs = bucketMs;
  }
  return { rows, rolledToMs };
}

/** Row by row; null where the bytes do not end with the last column. */
function readColumns(
  view: DataView,
  from: number,
  { count, stride }: { readonly count: number; readonly stride: number },
): Float64Array | null {
  const state = new Float64Array(count * stride);
  let at = from;
  for (let field = 0; field < stride; field++) {
    const kind = at < view.byteLength ? view.getUint8(at) : NaN;
    const end = at + 1 + 8 * (kind === 1 ? count : 1);
    if (!(kind <= 1) || end > view.byteLength) return null;
    const stepBytes = kind === 1 ? 8 : 0;
    for (let to = field, value = at + 1; to < state.length; to += stride, value += stepBytes)
      state[to] = view.getFloat64(value, true);
    at = end;
  }
  return at === view.byteLength ? state : null;
}

/** How many buckets are in a chunk; 0 on bad bytes. */
export function chunkBuckets(bytes: Uint8Array): number {
  return readHead(bytes)?.count ?? 0;
}

/** The head read last, and what it says: most chunks have the same. */
let headBytes: Uint8Array = new Uint8Array(0);
let headAccumulators: readonly Accumulator[] = [];

function readHead(bytes: Uint8Array): {
  readonly accumulators: readonly Accumulator[];
  readonly rolledToMs: EventTimeMs;
  readonly count: number;
  readonly at: number;
} | null {
  if (bytes.length < 2 || bytes[0] !== VERSION) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  for (let left = bytes[1]; left > 0; left--) {
    if (at + 2 > bytes.length) return null;
    at += 2 + 8 * bytes[at + 1];
  }
  if (at + 10 > bytes.length) return null;
  if (!isHead(bytes, at)) {
    const read = readAccumulators(view, bytes[1]);
    if (read === null) return null;
    headBytes = bytes.slice(0, at);
    headAccumulators = read;
  }
  return {
    accumulators: headAccumulators,
    rolledToMs: view.getFloat64(at, true),
    count: view.getUint16(at + 8, true),
    at: at + 10,
  };
}

function isHead(bytes: Uint8Array, length: number): boolean {
  if (headBytes.length !== length) return false;
  for (let at = 0; at < length; at++) if (bytes[at] !== headBytes[at]) return false;
  return true;
}

function readAccumulators(view: DataView, count: number): readonly Accumulator[] | null {
  const accumulators: Accumulator[] = [];
  let at = 2;
  for (let left = count; left > 0; left--) {
    const params: number[] = [];
    for (let param = 0; param < view.getUint8(at + 1); param++)
      params.push(view.getFloat64(at + 2 + 8 * param, true));
    const accumulator = accumulatorById(view.getUint8(at), params);
    if (accumulator === undefined) return null;
    accumulators.push(accumulator);
    at += 2 + 8 * params.length;
  }
  return accumulators;
}

function putFloat(view: DataView, at: number, value: number): number {
  view.setFloat64(at, value, true);
  return at + 8;
}
