import type { ReadingColumns } from "@millrace/stream";
import { crc32c } from "@millrace/wire";
import type { LedgerTotals } from "../ledger.ts";

/** By number in a row's flags. */
export const QUALITIES = ["good", "uncertain", "bad"] as const;

/** What one row of the redo log says of a reading. */
export const REDO_FLAG = {
  /** Bits 0–1: quality, by its place in QUALITIES. */
  qualityMask: 0b0000_0011,
  hasOwnTime: 0b0000_0100,
  undeduplicated: 0b0000_1000,
  /** Only the key is still of use: the reading itself is in a batch or a checkpoint. */
  keyOnly: 0b0001_0000,
  /** No reading: the source of the series was gone. */
  stale: 0b0010_0000,
  /** The rules have had it when it came, under another time. */
  judged: 0b0100_0000,
  /** No reading: tells when the held readings behind it came (intake/held-rows.ts). */
  later: 0b1000_0000,
} as const;

/**
 * Redo entry: the readings of one group commit, for replay after a crash and as the memory of the deduplicator. Held
 * readings (intake/held-rows.ts) stand in the same form, without a ledger.
 * Little-endian.
 *
 *   offset size
 *        0    1  version = 3
 *        1    3  zero
 *        4    4  CRC-32C of everything after this field
 *        8    8  f64 agent's clock at the commit, ms
 *       16    4  rows n
 *       20    4  length of the ledger j; 0: none
 *       24    j  ledger totals after this commit, JSON, UTF-8
 *     24+j       rows, each:
 *                  u8      bits 0–4 flags, or 3: they follow; bit 5: of the same series as the row before; bits 6–7 how the
 *                          value stands
 *                  u8      flags, where they need more than 5 bits
 *                  varint  series, unless the same
 *                  varint  time: 0, and an f64 in ms follows; else 1 + zigzag of the whole ms since the row before
 *                  value   0: f64; else zigzag varint of the value × 1 (1), × 100 (2), × 10,000 (3)
 *
 * Varint: 7 bits a byte, least first, bit 7 set on all but the last, below 2^32. A value stands as a whole number only where
 * the division gives its very bits again. Older versions are still read: version 2 had rows with 5 bits of flags only,
 * version 1 rows of 21 bytes: u32 series, f64 source time ms, f64 value, u8 flags.
 */
export interface RedoEntry {
  readonly committedAtMs: number;
  readonly ledger: LedgerTotals | undefined;
  readonly rowCount: number;
  row(index: number): RedoRow;
}

export interface RedoRow {
  readonly series: number;
  readonly timeMs: number;
  readonly value: number;
  readonly flags: number;
}

const VERSION = 3;
const VERSIONS = [1, 2, VERSION];
const HEADER_BYTES = 24;
const CRC_FROM = 8;
const ROW_BYTES_V1 = 21;
/** Two u8, two varints, and an f64 each of time and value. */
const ROW_BYTES_MAX = 2 + 5 + 1 + 8 + 8;
const FLAGS_MASK = 0b0001_1111;
/** In place of flags that do not fit: no quality has this number. */
const FLAGS_FOLLOW = 0b0000_0011;
const SAME_SERIES = 0b0010_0000;
const VALUE_SHIFT = 6;
/** By how the value stands. */
const SCALES = [0, 1, 100, 10_000] as const;
/** What fits a zigzag varint with 1 added. */
const WHOLE_MAX = 2 ** 30;

/** Rows of the next commit, written as they come. */
export class RedoBuffer {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;
  #rowCount = 0;
  #series = -1;
  #timeMs = 0;
  readonly #one = { count: 1, timeMs: new Float64Array(1), value: new Float64Array(1) };
  readonly #oneFlags = new Uint8Array(1);

  get rowCount(): number {
    return this.#rowCount;
  }

  /** What the rows take in the entry. */
  get byteCount(): number {
    return this.#end;
  }

  add(series: number, timeMs: number, value: number, flags: number): void {
    this.#one.timeMs[0] = timeMs;
    this.#one.value[0] = value;
    this.#oneFlags[0] = flags;
    this.addRun(series, this.#one, this.#oneFlags);
  }

  /** The same for the first `count` readings of a series, each with its flags. */
  addRun(series: number, { count, timeMs, value }: Omit<ReadingColumns, "series">, flags: Uint8Array): void {
    while (this.#end + count * ROW_BYTES_MAX > this.#bytes.length) this.#grow();
    const bytes = this.#bytes;
    let end = this.#end;
    let wholeMs = this.#timeMs;
    for (let index = 0; index < count; index += 1) {
      const start = end;
      end += 1;
      let first = flags[index];
      if (first > FLAGS_MASK) {
        bytes[end] = first;
        end += 1;
        first = FLAGS_FOLLOW;
      }
      if (series === this.#series) first |= SAME_SERIES;
      else end = putVarint(bytes, end, series);
      this.#series = series;
      const time = timeMs[index];
      const sinceMs = time - wholeMs;
      wholeMs = Math.floor(time);
      if (Math.abs(sinceMs) < WHOLE_MAX && wholeMs === time) end = putVarint(bytes, end, 1 + zigzag(sinceMs));
      else {
        bytes[end] = 0;
        this.#view.setFloat64(end + 1, time, true);
        end += 9;
      }
      const form = formOf(value[index]);
      if (form === 0) {
        this.#view.setFloat64(end, value[index], true);
        end += 8;
      } else end = putVarint(bytes, end, zigzag(Math.round(value[index] * SCALES[form])));
      bytes[start] = first | (form << VALUE_SHIFT);
    }
    this.#end = end;
    this.#rowCount += count;
    this.#timeMs = wholeMs;
  }

  /** The rows so far as an entry; the buffer is empty afterwards. */
  take(committedAtMs: number, ledger: LedgerTotals): Uint8Array {
    const entry = this.entry(committedAtMs, ledger);
    this.#end = 0;
    this.#rowCount = 0;
    this.#series = -1;
    this.#timeMs = 0;
    return entry;
  }

  /** The rows so far as an entry; more may follow. */
  entry(committedAtMs: number, ledger?: LedgerTotals): Uint8Array {
    const ledgerBytes = new TextEncoder().encode(ledger === undefined ? "" : JSON.stringify(ledger));
    const rowsAt = HEADER_BYTES + ledgerBytes.length;
    const entry = new Uint8Array(rowsAt + this.#end);
    const view = new DataView(entry.buffer);
    entry[0] = VERSION;
    view.setFloat64(8, committedAtMs, true);
    view.setUint32(16, this.#rowCount, true);
    view.setUint32(20, ledgerBytes.length, true);
    entry.set(ledgerBytes, HEADER_BYTES);
    entry.set(this.#bytes.subarray(0, this.#end), rowsAt);
    view.setUint32(4, crc32c(entry.subarray(CRC_FROM)), true);
    return entry;
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#bytes.length * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** The entry, or `undefined` when its bytes are damaged. */
export function parseRedoEntry(bytes: Uint8Array): RedoEntry | undefined {
  if (bytes.length < HEADER_BYTES || !VERSIONS.includes(bytes[0])) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(4, true) !== crc32c(bytes.subarray(CRC_FROM))) return undefined;
  const rowCount = view.getUint32(16, true);
  const rowsAt = HEADER_BYTES + view.getUint32(20, true);
  const row = bytes[0] === 1 ? rowsOfVersion1(view, rowsAt, rowCount) : readRows(bytes, rowsAt, rowCount);
  if (row === undefined) return undefined;
  const ledger: LedgerTotals | undefined =
    rowsAt === HEADER_BYTES
      ? undefined
      : JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER_BYTES, rowsAt)));
  return { committedAtMs: view.getFloat64(8, true), ledger, rowCount, row };
}

/** Undefined where the bytes do not hold exactly so many rows. */
function readRows(bytes: Uint8Array, rowsAt: number, rowCount: number): RedoEntry["row"] | undefined {
  if (rowCount > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seriesOf = new Uint32Array(rowCount);
  const timesMs = new Float64Array(rowCount);
  const values = new Float64Array(rowCount);
  const flagsOf = new Uint8Array(rowCount);
  const cursor = { at: rowsAt };
  let series = 0;
  let wholeMs = 0;
  for (let index = 0; index < rowCount; index += 1) {
    // A row that is cut off reads on into nothing, and the end tells.
    if (cursor.at + 3 > bytes.length) return undefined;
    const first = bytes[cursor.at++];
    let flags = first & FLAGS_MASK;
    if (flags === FLAGS_FOLLOW) flags = bytes[cursor.at++];
    if ((first & SAME_SERIES) === 0) series = takeVarint(bytes, cursor);
    const time = takeVarint(bytes, cursor);
    const timeMs = time === 0 ? takeFloat(view, cursor) : wholeMs + unzigzag(time - 1);
    const form = first >> VALUE_SHIFT;
    const value = form === 0 ? takeFloat(view, cursor) : unzigzag(takeVarint(bytes, cursor)) / SCALES[form];
    seriesOf[index] = series;
    timesMs[index] = timeMs;
    values[index] = value;
    flagsOf[index] = flags;
    wholeMs = Math.floor(timeMs);
  }
  if (cursor.at !== bytes.length) return undefined;
  return (index) => ({
    series: seriesOf[index],
    timeMs: timesMs[index],
    value: values[index],
    flags: flagsOf[index],
  });
}

function rowsOfVersion1(view: DataView, rowsAt: number, rowCount: number): RedoEntry["row"] | undefined {
  if (view.byteLength !== rowsAt + rowCount * ROW_BYTES_V1) return undefined;
  return (index) => {
    const at = rowsAt + index * ROW_BYTES_V1;
    return {
      series: view.getUint32(at, true),
      timeMs: view.getFloat64(at + 4, true),
      value: view.getFloat64(at + 12, true),
      flags: view.getUint8(at + 20),
    };
  };
}

/** How the value stands: the first scale at which it is a whole number, 0 where there is none. */
function formOf(value: number): 0 | 1 | 2 | 3 {
  if (!(Math.abs(value) < WHOLE_MAX)) return 0;
  if (Math.abs(value) >= WHOLE_MAX / 10_000) return Math.round(value) === value ? 1 : 0;
  if (Math.round(value * 100) / 100 !== value) return Math.round(value * 10_000) / 10_000 === value ? 3 : 0;
  if (Math.round(value) !== value) return 2;
  // -0 is no whole number: its sign would be lost.
  return Object.is(value, -0) ? 0 : 1;
}

/** 0, -1, 1, -2 … as 0, 1, 2, 3 …; below 2^31. */
function zigzag(whole: number): number {
  return (whole << 1) ^ (whole >> 31);
}

function unzigzag(code: number): number {
  return code % 2 === 0 ? code / 2 : -(code + 1) / 2;
}

function putVarint(bytes: Uint8Array, from: number, number: number): number {
  let at = from;
  let rest = number;
  for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
  bytes[at++] = rest;
  return at;
}

function takeVarint(bytes: Uint8Array, cursor: { at: number }): number {
  let number = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[cursor.at++];
    number += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  return number;
}

function takeFloat(view: DataView, cursor: { at: number }): number {
  const at = cursor.at;
  cursor.at += 8;
  return cursor.at <= view.byteLength ? view.getFloat64(at, true) : Number.NaN;
}
