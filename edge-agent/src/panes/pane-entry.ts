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

export function encodePaneEntry({ left, panes }: PaneEntry): Uint8Array {
  let length = HEADER_BYTES + ID_BYTES * left.length;
  for (const { bytes } of panes) length += ID_BYTES + LENGTH_BYTES + bytes.length;
  const entry = new Uint8Array(length);
  const view = new DataView(entry.buffer);
  entry[0] = VERSION;
  view.setUint32(4, left.length, true);
  let at = HEADER_BYTES;
  for (const pane of left) at = putId(view, at, pane);
  for (const pane of panes) {
    at = putId(view, at, pane);
    view.setUint32(at, pane.bytes.length, true);
    entry.set(pane.bytes, at + LENGTH_BYTES);
    at += LENGTH_BYTES + pane.bytes.length;
  }
  return entry;
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

function putId(view: DataView, at: number, { series, startMs }: PaneId): number {
  view.setUint32(at, series, true);
  view.setFloat64(at + 4, startMs, true);
  return at + ID_BYTES;
}

function idAt(view: DataView, at: number): PaneId {
  return { series: view.getUint32(at, true), startMs: view.getFloat64(at + 4, true) };
}
