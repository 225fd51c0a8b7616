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
 *   f64  their rows, one after another: the accumulators' fields in order
 *
 * All little-endian.
 */
export function encodeChunk(
  { rows, rolledToMs }: HistoryChunk,
  level: HistoryLevel,
  startMs: EventTimeMs,
): Uint8Array {
  const { accumulators, stride } = rows.fields;
  let length = 2 + 8 + 2 + rows.size * (2 + 8 * stride);
  for (const { params } of accumulators) length += 2 + 8 * params.length;
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
  view.setUint16(at, rows.size, true);
  at += 2;
  for (const bucketMs of rows.starts) {
    view.setUint16(at, (bucketMs - startMs) / level.bucketMs, true);
    at += 2;
  }
  for (let field = 0; field < rows.size * stride; field++) at = putFloat(view, at, rows.state[field]);
  return bytes;
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
  const rowsAt = head.at + 2 * count;
  if (bytes.length !== rowsAt + 8 * count * fields.stride) return null;
  const rows = new HistoryRows(fields, floatsOf(bytes, rowsAt));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < count; index++) {
    const bucketMs = startMs + view.getUint16(head.at + 2 * index, true) * level.bucketMs;
    if (bucketMs >= startMs + level.chunkMs || bucketMs <= (rows.starts.at(-1) ?? -Infinity)) return null;
    rows.starts.push(bucketMs);
  }
  return { rows, rolledToMs };
}

/** How many buckets are in a chunk; 0 on bad bytes. */
export function chunkBuckets(bytes: Uint8Array): number {
  return readHead(bytes)?.count ?? 0;
}

/** Newly made ones of every chunk would be as many again as there are series. */
const headsKnown = new Map<string, readonly Accumulator[]>();
const HEADS_KNOWN_MAX = 1_000;

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
  const key = String.fromCharCode(...bytes.subarray(1, at));
  let accumulators = headsKnown.get(key);
  if (accumulators === undefined) {
    const read = readAccumulators(view, bytes[1]);
    if (read === null) return null;
    if (headsKnown.size >= HEADS_KNOWN_MAX) headsKnown.clear();
    headsKnown.set(key, (accumulators = read));
  }
  return {
    accumulators,
    rolledToMs: view.getFloat64(at, true),
    count: view.getUint16(at + 8, true),
    at: at + 10,
  };
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

/** Of the platform's byte order, which is little-endian wherever this runs. */
function floatsOf(bytes: Uint8Array, at: number): Float64Array {
  const from = bytes.byteOffset + at;
  return new Float64Array(bytes.buffer.slice(from, bytes.byteOffset + bytes.length));
}

function putFloat(view: DataView, at: number, value: number): number {
  view.setFloat64(at, value, true);
  return at + 8;
}
