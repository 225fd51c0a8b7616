import type { Lane } from "@millrace/stream";

/**
 * Central's store. A key is one ASCII byte and fields; texts end in a zero byte, numbers are big-endian. Values are
 * JSON (UTF-8) unless said otherwise; the engine's are its own codec's. Whose store it is and its format stand in
 * LevelStore's own keys, below these.
 *
 *   's' storeId 0                           store record
 *   'l' storeId 0  epoch u32  lane u8       what is held of one lane (lane record)
 *   'a' agent 0                             agent record: site, last seen, clock offset, status, frontiers, lost ranges
 *   'm' agent 0                             since when until when it belongs, and to which site
 *   'M'                                     that of all agents, up to format 2
 *   'T'                                     trusted time (trusted-time.ts)
 *   'G'                                     generation, raised at each start with a sink (raised-generation.ts)
 *   'I'                                     name of this store among centrals (central-id.ts)
 *   'k' sink 0                              how far a sink holds what there is (sinks/store-mark.ts)
 *   'D'                                     when the store was found damaged (store-damage.ts)
 *   'o' log 0  partition u32                where a partition of the log is read on (log-book.ts)
 *   'O'                                     what of the log was gone before it was read
 *   'S'                                     since when agents belong is looked for in the log (member-search.ts)
 *   'g' agent 0                             ledger
 *   'A' agent 0 alarm id 0                  alarm, latest step, and where it came from
 *   'q' number u48                          quarantined messages: of one source, reason and commit (ledger/quarantine-segment.ts)
 *   'Q' number u48                          what is in those, but for themselves
 *   'N'                                     the quarantine's next number, and how many it has given up
 *   'r' stream 0                            a stream of records: positions, ledger, how far ids go back
 *   'i' stream 0  number u48                ids of records (records/id-log.ts)
 *   'w' rule 0  series                      a series that a rule on records watches (records/record-watch-book.ts)
 *   'y' rule 0  group 0                     a group that a rule on windows watches, and its alarms (window-rules/window-watch-book.ts)
 *   'Y' rule 0  group 0  page i64 + 2^63    windows of it that may still be corrected
 *   'R' rule 0                              a rule on records: what it reads, how much it has dropped
 *   'p' rule 0  number u48                  pairs that are known to it (records/distinct-book.ts)
 *   'n' rule 0  key                         what was new of late to one of its keys, and its alarms; texts between zero bytes
 *   't' stream 0  hash 12 bytes             row of a table that is followed (records/changes/kept-row.ts)
 *   'x' stream 0  time i64 + 2^63  hash     such a row by the event time until which it is kept; the value says nothing
 *   'L' kind 0 name 0                       state of a name that the pipeline has no more (left/left-state.ts)
 *   'c' metric 0                            panes of the metric were cleared (left/left-state.ts)
 *   'd' evidence id 0  part u32             one part of a piece of evidence: its bytes
 *   'v' evidence id 0                       the piece, and which of its parts are held (evidence-book.ts)
 *   'e' text                                the window engine's own keys and values (stream/src/engine/state-key.ts)
 */
export const CENTRAL_KEYS = {
  store: (storeId: string) => key("s", storeId),
  lane: (storeId: string, epoch: number, lane: Lane) => {
    const store = key("l", storeId);
    const bytes = Buffer.allocUnsafe(store.length + 5);
    bytes.set(store);
    bytes.writeUInt32BE(epoch, store.length);
    bytes[store.length + 4] = LANE_NUMBERS[lane];
    return bytes;
  },
  agent: (agent: string) => key("a", agent),
  ledger: (agent: string) => key("g", agent),
  alarm: (agent: string, id: string) => key("A", agent, id),
  quarantine: (number: number) => join(key("q"), u48(number)),
  quarantineSegment: (number: number) => join(key("Q"), u48(number)),
  quarantineTotals: () => key("N"),
  records: (stream: string) => key("r", stream),
  ids: (stream: string, number: number) => join(key("i", stream), u48(number)),
  watched: (rule: string, series: string) => join(key("w", rule), Buffer.from(series)),
  windowGroup: (rule: string, group: string) => key("y", rule, group),
  windowPage: (rule: string, group: string, page: number) => join(key("Y", rule, group), time(page)),
  pageOf: (storeKey: Uint8Array) => timeOf(storeKey.subarray(-8)),
  /** The range of a group's pages, by the key of the group. */
  windowPages: (groupKey: Uint8Array) => {
    const prefix = join(key("Y"), groupKey.subarray(1));
    return { from: prefix, to: join(prefix, new Uint8Array(9).fill(255)) };
  },
  distinctRule: (rule: string) => key("R", rule),
  distinctPairs: (rule: string, number: number) => join(key("p", rule), u48(number)),
  /** For many keys of one rule. */
  distinctKeys: (rule: string) => {
    const prefix = key("n", rule);
    return (name: string) => join(prefix, Buffer.from(name));
  },
  row: (stream: string, id: string) => join(key("t", stream), hash(id)),
  /** The range of a stream's rows behind this one; "": of all. */
  rowsAfter: (stream: string, id: string) => ({
    from: id === "" ? key("t", stream) : join(key("t", stream), hash(id), Uint8Array.of(0)),
    to: join(key("t", stream), new Uint8Array(HASH_BYTES + 1).fill(255)),
  }),
  /** The id of a row in its key. */
  idOfRow: (storeKey: Uint8Array) => hexOf(storeKey.subarray(-HASH_BYTES)),
  /** `id` "": before all rows of that time. */
  rowTime: (stream: string, keptMs: number, id: string) => join(key("x", stream), time(keptMs), hash(id)),
  ofRowTime: (storeKey: Uint8Array) => ({
    id: hexOf(storeKey.subarray(-HASH_BYTES)),
    keptMs: timeOf(storeKey.subarray(-HASH_BYTES - 8, -HASH_BYTES)),
  }),
  left: (kind: string, name: string) => key("L", kind, name),
  cleared: (metric: string) => key("c", metric),
  evidence: (id: string) => key("v", id),
  evidencePart: (id: string, part: number) => join(key("d", id), u32(part)),
  member: (agent: string) => key("m", agent),
  memberList: () => key("M"),
  trustedTime: () => key("T"),
  generation: () => key("G"),
  centralId: () => key("I"),
  sinkMark: (sink: string) => key("k", sink),
  damage: () => key("D"),
  logPosition: (log: string, partition: number) => join(key("o", log), u32(partition)),
  logLoss: () => key("O"),
  memberSearch: () => key("S"),
  engine: (stateKey: string): Uint8Array => Buffer.from(`e${stateKey}`),
} as const;

/** The window engine's key in a key of the store. */
export function engineKeyOf(storeKey: Uint8Array): string {
  return decoder.decode(storeKey.subarray(1));
}

/** The number in the key of quarantined messages, or of an entry of ids. */
export function numberOf(storeKey: Uint8Array): number {
  return storeKey.subarray(-6).reduce((number, byte) => number * 256 + byte, 0);
}

/** The key that follows directly. */
export function behind(storeKey: Uint8Array): Uint8Array {
  return join(storeKey, Uint8Array.of(0));
}

/** The range of all keys with this first byte, and with this text behind it. */
export function keysUnder(prefix: string, first?: string): { from: Uint8Array; to: Uint8Array } {
  if (first !== undefined) {
    const from = key(prefix, first);
    // The zero byte that ends the text is the least: after it comes the next text.
    return { from, to: Uint8Array.of(...from.subarray(0, -1), 1) };
  }
  return { from: key(prefix), to: Uint8Array.of(prefix.charCodeAt(0) + 1) };
}

const HASH_BYTES = 12;
/** Half the range of unsigned numbers: so times before 1970 come first. */
const TIME_OFFSET = 2n ** 63n;
/** As far as a key's times go. */
const TIME_MS_MAX = 8.64e15;
const LANE_NUMBERS: Record<Lane, number> = { alarm: 0, live: 1, backfill: 2, evidence: 3 };
const decoder = new TextDecoder();

/** Cut from Node's pool: several are made for each batch, and an array buffer of its own costs more than all else of one. */
function key(prefix: string, ...texts: string[]): Uint8Array {
  let key = prefix;
  for (const text of texts) key += `${text.replaceAll("\0", "�")}\0`;
  return Buffer.from(key);
}

function hash(hex: string): Uint8Array {
  return Buffer.from(hex, "hex");
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function time(timeMs: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(8));
  const bounded = Math.max(-TIME_MS_MAX, Math.min(TIME_MS_MAX, Math.floor(timeMs)));
  bytes.setBigUint64(0, BigInt(bounded) + TIME_OFFSET);
  return new Uint8Array(bytes.buffer);
}

function timeOf(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0) - TIME_OFFSET);
}

function u32(value: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, value);
  return new Uint8Array(bytes.buffer);
}

function u48(value: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(6));
  bytes.setUint16(0, Math.floor(value / 2 ** 32));
  bytes.setUint32(2, value % 2 ** 32);
  return new Uint8Array(bytes.buffer);
}

function join(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
