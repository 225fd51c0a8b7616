/** A pane of a series, by its start. */
export interface PaneId {
  readonly series: number;
  readonly startMs: number;
}

/** Its accumulators, as `encodePane` writes them. */
export interface StoredPane extends PaneId {
  readonly bytes: Uint8Array;
}

/**
 * What one commit has changed of the stored open panes. Little-endian.
 *
 *   offset size
 *        0    1  version = 1
 *        1    3  zero
 *        4    4  panes that have left for a batch n
 *        8  12n  of each: u32 series, f64 start in ms
 *    8+12n       until the end, panes as they are now, whole, each: u32 series, f64 start in ms, u32 length, its bytes
 */
export interface PaneEntry {
  readonly left: readonly PaneId[];
  readonly panes: readonly StoredPane[];
}

const VERSION = 1;
const HEADER_BYTES = 8;
const ID_BYTES = 12;
const LENGTH_BYTES = 4;

/** Writes one entry, pane after pane, into one piece of memory. */
export class PaneEntryWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #end = HEADER_BYTES;

  /** `bytesExpected`: of the whole entry; more is made room for. */
  constructor(left: readonly PaneId[], bytesExpected: number) {
    this.#bytes = new Uint8Array(Math.max(HEADER_BYTES + ID_BYTES * left.length, bytesExpected));
    this.#view = new DataView(this.#bytes.buffer);
    this.#bytes[0] = VERSION;
    this.#view.setUint32(4, left.length, true);
    for (const pane of left) this.#putId(pane);
  }

  /** Where the bytes of the next pane belong, all of them. */
  roomFor(pane: PaneId, length: number): Uint8Array {
    while (this.#end + ID_BYTES + LENGTH_BYTES + length > this.#bytes.length) this.#grow();
    this.#putId(pane);
    this.#view.setUint32(this.#end, length, true);
    this.#end += LENGTH_BYTES + length;
    return this.#bytes.subarray(this.#end - length, this.#end);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  #putId({ series, startMs }: PaneId): void {
    this.#view.setUint32(this.#end, series, true);
    this.#view.setFloat64(this.#end + 4, startMs, true);
    this.#end += ID_BYTES;
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#bytes.length * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** The panes' bytes are views. Undefined where the bytes are damaged. */
export function parsePaneEntry(bytes: Uint8Array): PaneEntry | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const panesAt = HEADER_BYTES + ID_BYTES * view.getUint32(4, true);
  if (panesAt > bytes.length) return undefined;
  const left: PaneId[] = [];
  for (let at = HEADER_BYTES; at < panesAt; at += ID_BYTES) left.push(idAt(view, at));
  const panes: StoredPane[] = [];
  for (let at = panesAt; at < bytes.length;) {
    const from = at + ID_BYTES + LENGTH_BYTES;
    const to = from <= bytes.length ? from + view.getUint32(at + ID_BYTES, true) : Infinity;
    if (to > bytes.length) return undefined;
    panes.push({ ...idAt(view, at), bytes: bytes.subarray(from, to) });
    at = to;
  }
  return { left, panes };
}

function idAt(view: DataView, at: number): PaneId {
  return { series: view.getUint32(at, true), startMs: view.getFloat64(at + 4, true) };
}
