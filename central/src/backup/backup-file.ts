import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import type { Entry } from "@millrace/queue";
import { crc32c } from "@millrace/wire";

/**
 * A backup of central's store, as a stream:
 *
 *   8    "MLRCBKP1"
 *   frames, each:
 *     offset size
 *          0    1  kind: 0 head, 1 entries, 2 tail
 *          1    4  number of the frame, from 0
 *          5    4  bytes of the body as it lies here
 *          9    4  bytes of it unpacked
 *         13    4  CRC-32C of the 13 bytes before and the body
 *         17    n  the body, packed with zstd
 *
 * Numbers are little-endian. The head is the first frame, JSON (`BackupHead`); entries are u32 length and bytes of a key, then of its
 * value, one after another, ascending by key; the tail is the last frame, JSON (`BackupTail`). One without a tail was cut short.
 */
export interface BackupHead {
  readonly kind: "central";
  /** Format of the store that it is of. */
  readonly storeVersion: number;
  /** Version of the program that made it. */
  readonly program: string;
  readonly atMs: number;
}

export interface BackupTail {
  readonly entries: number;
  /** Values of the store that were damaged: they are left out. */
  readonly damaged: number;
}

export type BackupPart =
  | { readonly kind: "head"; readonly head: BackupHead }
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  | { readonly kind: "tail"; readonly tail: BackupTail };

const MAGIC = "MLRCBKP1";
const HEAD_BYTES = 17;
/** Of entries in a frame, before the last of them is in. */
const FRAME_BYTES = 262_144;
/** No frame that was written is greater: one entry is at most a part of evidence or a chunk of the history. */
const FRAME_BYTES_MAX = 256 * 2 ** 20;

const pack = promisify(zstdCompress);
const unpack = promisify(zstdDecompress);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Why a stream is no backup, or no whole one. */
export class BackupDamage extends Error {}

/** The bytes of a backup of these entries; their order and their moment are the caller's. */
export async function* writeBackup(
  head: BackupHead,
  entries: AsyncIterable<Entry>,
): AsyncGenerator<Uint8Array> {
  yield encoder.encode(MAGIC);
  let number = 0;
  const frame = (kind: number, body: Uint8Array) => packedFrame(kind, number++, body);
  yield await frame(0, encoder.encode(JSON.stringify(head)));
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const tail = { entries: 0, damaged: 0 };
  for await (const { key, value } of entries) {
    // Nothing of no bytes is ever written: it was not what it should be.
    if (value.length === 0) {
      tail.damaged += 1;
      continue;
    }
    tail.entries += 1;
    waiting.push(u32(key.length), key, u32(value.length), value);
    waitingBytes += key.length + value.length + 8;
    if (waitingBytes < FRAME_BYTES) continue;
    yield await frame(1, Buffer.concat(waiting));
    waiting = [];
    waitingBytes = 0;
  }
  if (waiting.length > 0) yield await frame(1, Buffer.concat(waiting));
  yield await frame(2, encoder.encode(JSON.stringify(tail)));
}

/** The parts of a backup, each checked; ends after the tail. Throws `BackupDamage`. */
export async function* readBackup(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<BackupPart> {
  const reader = new ByteReader(bytes);
  if (decoder.decode(await reader.take(MAGIC.length)) !== MAGIC)
    throw new BackupDamage("it is no backup of Millrace");
  let entryCount = 0;
  for (let number = 0; ; number++) {
    const part = partOf(await readFrame(reader, number), number);
    if (part.kind === "entries") entryCount += part.entries.length;
    if (part.kind === "tail" && part.tail.entries !== entryCount)
      throw new BackupDamage(`it has ${entryCount} entries, and should have ${part.tail.entries}`);
    yield part;
    if (part.kind !== "tail") continue;
    if (!(await reader.isAtEnd())) throw new BackupDamage("there is more behind its end");
    return;
  }
}

interface Frame {
  readonly kind: number;
  readonly body: Uint8Array;
}

async function packedFrame(kind: number, number: number, body: Uint8Array): Promise<Uint8Array> {
  const packed = await pack(body);
  const bytes = new Uint8Array(HEAD_BYTES + packed.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = kind;
  view.setUint32(1, number, true);
  view.setUint32(5, packed.length, true);
  view.setUint32(9, body.length, true);
  view.setUint32(13, crc32c(packed, crc32c(bytes.subarray(0, 13))), true);
  bytes.set(packed, HEAD_BYTES);
  return bytes;
}

async function readFrame(reader: ByteReader, number: number): Promise<Frame> {
  const head = await reader.take(HEAD_BYTES);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const [packedLength, rawLength] = [view.getUint32(5, true), view.getUint32(9, true)];
  if (view.getUint32(1, true) !== number || Math.max(packedLength, rawLength) > FRAME_BYTES_MAX)
    throw new BackupDamage(`frame ${number} is damaged`);
  const packed = await reader.take(packedLength);
  if (view.getUint32(13, true) !== crc32c(packed, crc32c(head.subarray(0, 13))))
    throw new BackupDamage(`frame ${number} is damaged`);
  const body = await unpack(packed, { maxOutputLength: Math.max(1, rawLength) });
  return { kind: head[0], body };
}

function partOf({ kind, body }: Frame, number: number): BackupPart {
  if ((kind === 0) !== (number === 0)) throw new BackupDamage("it does not begin with its head");
  if (kind === 1) return { kind: "entries", entries: entriesOf(body) };
  if (kind !== 0 && kind !== 2) throw new BackupDamage(`it is of a newer version: a frame of kind ${kind}`);
  if (kind === 2) {
    const tail: BackupTail = JSON.parse(decoder.decode(body));
    return { kind: "tail", tail };
  }
  const head: BackupHead = JSON.parse(decoder.decode(body));
  if (head.kind !== "central") throw new BackupDamage(`it is of ${String(head.kind)}, not of central`);
  return { kind: "head", head };
}

function entriesOf(body: Uint8Array): Entry[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const entries: Entry[] = [];
  let at = 0;
  const next = () => {
    const length = view.getUint32(at, true);
    at += 4 + length;
    return body.subarray(at - length, at);
  };
  while (at < body.length) entries.push({ key: next(), value: next() });
  return entries;
}

function u32(value: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, value, true);
  return new Uint8Array(bytes.buffer);
}

/** So many bytes of a stream at a time. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Uint8Array> {
    const parts = [this.#rest];
    let length = this.#rest.length;
    while (length < count) {
      const next = await this.#chunks.next();
      if (next.done === true) throw new BackupDamage("it is cut short");
      parts.push(next.value);
      length += next.value.length;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return true;
      this.#rest = next.value;
    }
    return false;
  }
}
