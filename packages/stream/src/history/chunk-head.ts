import type { Accumulator } from "../accumulator.ts";
import { accumulatorById } from "../accumulators/table.ts";
import type { EventTimeMs } from "../event-time.ts";
import { historyFields } from "./history-rows.ts";
import type { HistoryFields } from "./history-rows.ts";

export const CHUNK_VERSION = 1;

/** What a chunk on disk (history-chunk.ts) begins with. */
export interface ChunkHead {
  readonly fields: HistoryFields;
  readonly rolledToMs: EventTimeMs;
  /** Of buckets. */
  readonly count: number;
  /** Where it ends; the numbers of as many buckets follow. */
  readonly at: number;
}

/** The head read last, and what it says: most chunks have the same. */
let headBytes: Uint8Array = new Uint8Array(0);
let headFields: HistoryFields = historyFields([]);

/** Null on bad bytes, and of a newer version. */
export function readChunkHead(bytes: Uint8Array): ChunkHead | null {
  if (bytes.length < 2 || bytes[0] !== CHUNK_VERSION) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  for (let left = bytes[1]; left > 0; left--) {
    if (at + 2 > bytes.length) return null;
    at += 2 + 8 * bytes[at + 1];
  }
  if (at + 10 > bytes.length) return null;
  const count = view.getUint16(at + 8, true);
  if (at + 10 + 2 * count > bytes.length) return null;
  if (!isHead(bytes, at)) {
    const read = readAccumulators(view, bytes[1]);
    if (read === null) return null;
    headBytes = bytes.slice(0, at);
    headFields = historyFields(read);
  }
  return {
    fields: headFields,
    rolledToMs: view.getFloat64(at, true),
    count,
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
