import { parseRedoEntry, REDO_FLAG, RedoBuffer, type RedoRow } from "../durability/redo-entry.ts";

/** A held reading, and the agent's steady time when it came. */
export interface HeldRow {
  readonly row: RedoRow;
  readonly cameAtMs: number;
}

/**
 * A block of held readings: a redo entry without a ledger, of the time when its first reading came. A row with the flag
 * `later` is no reading: its value is by how many ms those behind it came after the first. A block of an older version
 * has none, and the time by which all of it had come.
 */
export class HeldRows {
  readonly #buffer = new RedoBuffer();
  #count = 0;
  #firstMs = 0;
  #lastMs = 0;

  /** Readings. */
  get count(): number {
    return this.#count;
  }

  get byteCount(): number {
    return this.#buffer.byteCount;
  }

  add({ row, cameAtMs }: HeldRow): void {
    const { series, timeMs, value, flags } = row;
    if (this.#count === 0) this.#firstMs = cameAtMs;
    else if (cameAtMs !== this.#lastMs)
      this.#buffer.add(series, timeMs, cameAtMs - this.#firstMs, REDO_FLAG.later);
    this.#lastMs = cameAtMs;
    this.#buffer.add(series, timeMs, value, flags);
    this.#count += 1;
  }

  /** The block so far. */
  entry(): Uint8Array {
    return this.#buffer.entry(this.#firstMs);
  }
}

/** The readings of a block, or `undefined` where it is damaged. */
export function parseHeldRows(bytes: Uint8Array): readonly HeldRow[] | undefined {
  const entry = parseRedoEntry(bytes);
  if (entry === undefined) return undefined;
  const rows: HeldRow[] = [];
  let cameAtMs = entry.committedAtMs;
  for (let index = 0; index < entry.rowCount; index += 1) {
    const row = entry.row(index);
    if ((row.flags & REDO_FLAG.later) === 0) rows.push({ row, cameAtMs });
    else cameAtMs = entry.committedAtMs + row.value;
  }
  return rows;
}
