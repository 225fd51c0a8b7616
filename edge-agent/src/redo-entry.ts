import { crc32c } from "@millrace/wire";
import type { LedgerTotals } from "./ledger.ts";

/** What one row of the redo log says of a reading. */
export const REDO_FLAG = {
  /** Bits 0–1: quality (0 good, 1 uncertain, 2 bad). */
  qualityMask: 0b0000_0011,
  hasOwnTime: 0b0000_0100,
  undeduplicated: 0b0000_1000,
  /** Only the key is still of use: the reading itself is in a batch or a checkpoint. */
  keyOnly: 0b0001_0000,
} as const;

/**
 * Redo entry: the readings of one group commit, for replay after a crash and as the memory of the deduplicator.
 * Little-endian.
 *
 *   offset size
 *        0    1  version = 1
 *        1    3  zero
 *        4    4  CRC-32C of everything after this field
 *        8    8  f64 agent's clock at the commit, ms
 *       16    4  rows n
 *       20    4  length of the ledger j
 *       24    j  ledger totals after this commit, JSON, UTF-8
 *     24+j 21 n  rows: u32 series, f64 source time ms, f64 value, u8 flags
 */
export interface RedoEntry {
  readonly committedAtMs: number;
  readonly ledger: LedgerTotals;
  readonly rowCount: number;
  row(index: number): RedoRow;
}

export interface RedoRow {
  readonly series: number;
  readonly timeMs: number;
  readonly value: number;
  readonly flags: number;
}

const VERSION = 1;
const HEADER_BYTES = 24;
const ROW_BYTES = 21;
const CRC_FROM = 8;

/** Rows of the next commit, written as they come. */
export class RedoBuffer {
  #bytes = new Uint8Array(64 * ROW_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #rowCount = 0;

  get rowCount(): number {
    return this.#rowCount;
  }

  add(series: number, timeMs: number, value: number, flags: number): void {
    const at = this.#rowCount * ROW_BYTES;
    if (at + ROW_BYTES > this.#bytes.length) this.#grow();
    this.#view.setUint32(at, series, true);
    this.#view.setFloat64(at + 4, timeMs, true);
    this.#view.setFloat64(at + 12, value, true);
    this.#bytes[at + 20] = flags;
    this.#rowCount += 1;
  }

  /** The rows so far as an entry; the buffer is empty afterwards. */
  take(committedAtMs: number, ledger: LedgerTotals): Uint8Array {
    const ledgerBytes = new TextEncoder().encode(JSON.stringify(ledger));
    const rowsAt = HEADER_BYTES + ledgerBytes.length;
    const entry = new Uint8Array(rowsAt + this.#rowCount * ROW_BYTES);
    const view = new DataView(entry.buffer);
    entry[0] = VERSION;
    view.setFloat64(8, committedAtMs, true);
    view.setUint32(16, this.#rowCount, true);
    view.setUint32(20, ledgerBytes.length, true);
    entry.set(ledgerBytes, HEADER_BYTES);
    entry.set(this.#bytes.subarray(0, this.#rowCount * ROW_BYTES), rowsAt);
    view.setUint32(4, crc32c(entry.subarray(CRC_FROM)), true);
    this.#rowCount = 0;
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
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(4, true) !== crc32c(bytes.subarray(CRC_FROM))) return undefined;
  const rowCount = view.getUint32(16, true);
  const ledgerBytes = view.getUint32(20, true);
  const rowsAt = HEADER_BYTES + ledgerBytes;
  if (bytes.length !== rowsAt + rowCount * ROW_BYTES) return undefined;
  const ledger: LedgerTotals = JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER_BYTES, rowsAt)));
  return {
    committedAtMs: view.getFloat64(8, true),
    ledger,
    rowCount,
    row(index) {
      const at = rowsAt + index * ROW_BYTES;
      return {
        series: view.getUint32(at, true),
        timeMs: view.getFloat64(at + 4, true),
        value: view.getFloat64(at + 12, true),
        flags: bytes[at + 20],
      };
    },
  };
}
