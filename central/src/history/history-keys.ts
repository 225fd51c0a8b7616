/**
 * The history's keys in central's store, all under `h`. Texts end in a zero byte, numbers are big-endian, a time is u64: ms + 2^52.
 *
 *   'h' 's' series 0                           series: metric, labels, how far it is rolled up and its panes dropped
 *   'h' 'g' series 0 group 0                   a group of the series, and its last chunk of the coarsest level
 *   'h' 'k' series 0                           from when on the series is kept, by level; absent: nothing of it was dropped
 *   'h' 'd' series 0 block                     marker: panes of the block have changed since it was rolled up
 *   'h' 'c' u8 level  chunk  series 0 group 0  a chunk (stream/src/history/history-chunk.ts)
 *   'h' 't'                                    what is kept, and dropped, of each level
 */
export const HISTORY_KEYS = {
  series: (series: string) => join("hs", text(series)),
  group: (series: string, group: string) => join("hg", text(series), text(group)),
  keptFrom: (series: string) => join("hk", text(series)),
  dirty: (series: string, blockMs: number) => join("hd", text(series), time(blockMs)),
  chunk: ({ level, startMs, series, group }: ChunkPlace) =>
    join("hc", Uint8Array.of(level), time(startMs), text(series), text(group)),
  /** Of many groups: what they share is written once. */
  chunksOf: ({ level, startMs, series }: Omit<ChunkPlace, "group">) => {
    const head = join("hc", Uint8Array.of(level), time(startMs), text(series));
    return (group: string): Uint8Array => Buffer.concat([head, text(group)]);
  },
  totals: () => join("ht"),
} as const;

export interface ChunkPlace {
  /** Its number. */
  readonly level: number;
  readonly startMs: number;
  /** Metric and labels, as `seriesKeyOf` writes them. */
  readonly series: string;
  /** As the engine writes it: a JSON array of the labels' values. */
  readonly group: string;
}

export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const TIME_BIAS = 2 ** 52;
const CHUNK_HEAD_BYTES = 2 + 1 + 8;

/** Everything of one kind. */
export function allOf(kind: "s" | "g" | "k" | "d"): KeyRange {
  return { from: join(`h${kind}`), to: join(`h${String.fromCharCode(kind.charCodeAt(0) + 1)}`) };
}

/** The chunks of a level that begin in `[fromMs, toMs)`, of all series. */
export function chunksBetween(level: number, fromMs: number, toMs: number): KeyRange {
  const at = (ms: number) => join("hc", Uint8Array.of(level), time(Math.max(-TIME_BIAS, ms)));
  return { from: at(fromMs), to: Number.isFinite(toMs) ? at(toMs) : join("hc", Uint8Array.of(level + 1)) };
}

/** The chunks of a series that begin then. */
export function chunksAt({ level, startMs, series }: Omit<ChunkPlace, "group">): KeyRange {
  const { from } = chunksBetween(level, startMs, Infinity);
  return { from: join(from, text(series)), to: join(from, encoder.encode(`${series}\u{1}`)) };
}

export function chunkPlaceOf(key: Uint8Array): ChunkPlace {
  const [series = "", group = ""] = textsOf(key.subarray(CHUNK_HEAD_BYTES));
  return { level: key[2], startMs: timeOf(key, 3), series, group };
}

/** The markers of a series' blocks. */
export function markersOf(series: string): KeyRange {
  return { from: join("hd", text(series)), to: join("hd", encoder.encode(`${series}\u{1}`)) };
}

/** Series and group, or series alone, of a key under `s`, `g` or `k`. */
export function textsOf(texts: Uint8Array): string[] {
  return decoder.decode(texts).split("\0");
}

export function blockOf(dirtyKey: Uint8Array): { readonly series: string; readonly blockMs: number } {
  const end = dirtyKey.length - 8;
  return { series: decoder.decode(dirtyKey.subarray(2, end - 1)), blockMs: timeOf(dirtyKey, end) };
}

function text(value: string): Uint8Array {
  return encoder.encode(`${value.replaceAll("\0", "\u{fffd}")}\0`);
}

function time(ms: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, BigInt(ms + TIME_BIAS));
  return new Uint8Array(bytes.buffer);
}

function timeOf(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Number(view.getBigUint64(at)) - TIME_BIAS;
}

function join(...parts: (Uint8Array | string)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? encoder.encode(part) : part)));
}
