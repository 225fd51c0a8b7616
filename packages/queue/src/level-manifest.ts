import { crc32c } from "@millrace/wire";
import { Cursor, maskedCrc, varint } from "./level-block.ts";
import {
  isRecordSound,
  LOG_BLOCK_BYTES,
  RECORD_HEADER_BYTES,
  RECORD_TYPE,
  recordEnd,
  TYPE_AT,
} from "./level-log.ts";

/**
 * LevelDB's MANIFEST (doc/impl.md): a log of edits, each a run of fields that begin with a varint, and what they add up to.
 *
 *   1 bytes comparator; 2 varint log number; 3 varint next file; 4 varint last sequence; 9 varint previous log
 *   5 varint level, bytes key: where a compaction goes on
 *   6 varint level, varint number: the table is no longer part of it
 *   7 varint level, varint number, varint size, bytes smallest key, bytes largest key: a table
 *
 * `bytes` is a varint length, then as many.
 */
export interface LevelManifest {
  readonly logNumber: number;
  readonly previousLogNumber: number;
  readonly nextFileNumber: number;
  readonly lastSequence: number;
  /** By file number. */
  readonly tables: ReadonlyMap<number, ManifestTable>;
}

export interface ManifestTable {
  readonly level: number;
  readonly bytes: number;
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

const COMPARATOR = new TextEncoder().encode("leveldb.BytewiseComparator");

/** Undefined where a byte of it is not what was written. A last edit that was cut short never was. */
export function decodeManifest(log: Uint8Array): LevelManifest | undefined {
  const numbers = new Map<number, number>();
  const tables = new Map<number, ManifestTable>();
  try {
    for (const edit of records(log)) applyEdit(edit, numbers, tables);
  } catch {
    return undefined;
  }
  const [logNumber, nextFileNumber, lastSequence] = [2, 3, 4].map((tag) => numbers.get(tag));
  if (logNumber === undefined || nextFileNumber === undefined || lastSequence === undefined) return undefined;
  return { logNumber, previousLogNumber: numbers.get(9) ?? 0, nextFileNumber, lastSequence, tables };
}

export function encodeManifest(manifest: LevelManifest): Uint8Array {
  const edit = [1, ...sized(COMPARATOR), 2, ...varint(manifest.logNumber), 9];
  edit.push(...varint(manifest.previousLogNumber), 3, ...varint(manifest.nextFileNumber));
  edit.push(4, ...varint(manifest.lastSequence));
  for (const [number, { level, bytes, smallest, largest }] of manifest.tables) {
    edit.push(7, ...varint(level), ...varint(number), ...varint(bytes));
    edit.push(...sized(smallest), ...sized(largest));
  }
  return asLog(Uint8Array.from(edit));
}

function applyEdit(edit: Uint8Array, numbers: Map<number, number>, tables: Map<number, ManifestTable>): void {
  const fields = new Cursor(edit);
  const bytes = (): Uint8Array => fields.bytes(fields.varint());
  while (fields.at < edit.length) {
    const tag = fields.varint();
    if (tag === 1) bytes();
    else if (tag === 2 || tag === 3 || tag === 4 || tag === 9) numbers.set(tag, fields.varint());
    else if (tag === 5) {
      fields.varint();
      bytes();
    } else if (tag === 6) {
      fields.varint();
      tables.delete(fields.varint());
    } else if (tag === 7) {
      const level = fields.varint();
      const number = fields.varint();
      tables.set(number, { level, bytes: fields.varint(), smallest: bytes(), largest: bytes() });
    } else throw new RangeError("no such field");
  }
}

/** Throws at the first that is damaged. */
function* records(log: Uint8Array): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  for (let at = 0; at + RECORD_HEADER_BYTES <= log.length;) {
    const inBlock = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES);
    if (inBlock < RECORD_HEADER_BYTES) {
      at += inBlock;
      continue;
    }
    const end = recordEnd(log, at);
    if (end > log.length) return;
    if (!isRecordSound(log, at)) {
      // A power cut can leave zeros at its end.
      if (log.subarray(at).every((byte) => byte === 0)) return;
      throw new RangeError("not a record");
    }
    const type = log[at + TYPE_AT];
    if (type === RECORD_TYPE.full || type === RECORD_TYPE.first) parts = [];
    parts.push(log.subarray(at + RECORD_HEADER_BYTES, end));
    if (type === RECORD_TYPE.full || type === RECORD_TYPE.last) yield new Uint8Array(Buffer.concat(parts));
    at = end;
  }
}

function asLog(record: Uint8Array): Uint8Array {
  const { full, first, middle, last } = RECORD_TYPE;
  const parts: Uint8Array[] = [];
  for (let from = 0, isFirst = true; ; isFirst = false) {
    const to = Math.min(record.length, from + LOG_BLOCK_BYTES - RECORD_HEADER_BYTES);
    const isLast = to === record.length;
    const part = new Uint8Array(RECORD_HEADER_BYTES + to - from);
    part.set(record.subarray(from, to), RECORD_HEADER_BYTES);
    part[TYPE_AT] = isFirst ? (isLast ? full : first) : isLast ? last : middle;
    const view = new DataView(part.buffer);
    view.setUint16(4, to - from, true);
    view.setUint32(0, maskedCrc(crc32c(part.subarray(TYPE_AT))), true);
    parts.push(part);
    if (isLast) return new Uint8Array(Buffer.concat(parts));
    from = to;
  }
}

function sized(bytes: Uint8Array): number[] {
  return [...varint(bytes.length), ...bytes];
}
