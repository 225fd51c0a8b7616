import { crc32c } from "@millrace/wire";

/**
 * A block of LevelDB's tables (doc/table_format.md): its content, then u8 compression (0 none, 1 snappy) and the masked
 * CRC-32C of both. The content: entries of varint shared, varint own, varint value length, own bytes of the key, value; then
 * u32 for each restart, and their count, little-endian. Logs mask their checksums in the same way.
 */
export interface Handle {
  readonly offset: number;
  /** Of the content as it lies there, without the trailer. */
  readonly length: number;
}

export interface BlockEntry {
  /** The internal key: the user's, then u64 little-endian of sequence × 256 + type. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export const TRAILER_BYTES = 5;
const SNAPPY = 1;
const CRC_MASK_DELTA = 0xa282ead8;
/** More than a block of 4 KiB with one value of any size that is written here takes; what says more is damaged. */
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

export class Cursor {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (this.at >= this.#bytes.length || shift > 49) throw new RangeError("not a varint");
      const byte = this.#bytes[this.at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  handle(): Handle {
    return { offset: this.varint(), length: this.varint() };
  }

  /** A view. */
  bytes(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.#bytes.length) throw new RangeError("ends too early");
    return this.#bytes.subarray(this.at, (this.at = end));
  }
}

export function maskedCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + CRC_MASK_DELTA) >>> 0;
}

export function isBlockSound(table: Uint8Array, { offset, length }: Handle): boolean {
  const end = offset + length + TRAILER_BYTES;
  if (end > table.length) return false;
  const crc = crc32c(table.subarray(offset, offset + length + 1));
  return maskedCrc(crc) === new DataView(table.buffer, table.byteOffset).getUint32(end - 4, true);
}

/** The content of a block, whatever its checksum says; throws where it cannot be unpacked. */
export function unpackBlock(table: Uint8Array, { offset, length }: Handle): Uint8Array {
  if (offset + length + TRAILER_BYTES > table.length) throw new RangeError("a block ends beyond the table");
  const block = table.subarray(offset, offset + length);
  return table[offset + length] === SNAPPY ? unsnappy(block) : block;
}

/** In the order in which they lie there; throws at the first that is not one. Keys are copies, values are views. */
export function* blockEntries(content: Uint8Array): Generator<BlockEntry> {
  if (content.length < 4) throw new RangeError("ends too early");
  const restarts = new DataView(content.buffer, content.byteOffset).getUint32(content.length - 4, true);
  const end = content.length - 4 - 4 * restarts;
  if (end < 0) throw new RangeError("ends too early");
  const entries = new Cursor(content.subarray(0, end));
  for (let key: Uint8Array = new Uint8Array(0); entries.at < end;) {
    const shared = entries.varint();
    const own = entries.varint();
    const valueBytes = entries.varint();
    if (shared > key.length) throw new RangeError("shares more than there is");
    const next = new Uint8Array(shared + own);
    next.set(key.subarray(0, shared));
    next.set(entries.bytes(own), shared);
    key = next;
    yield { key, value: entries.bytes(valueBytes) };
  }
}

/** A whole block, with its trailer, not compressed. */
export function packBlock(entries: readonly BlockEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const restarts: number[] = [];
  let bytes = 0;
  for (const { key, value } of entries) {
    restarts.push(bytes);
    const head = Uint8Array.of(0, ...varint(key.length), ...varint(value.length));
    parts.push(head, key, value);
    bytes += head.length + key.length + value.length;
  }
  // Without an entry there is one restart all the same.
  if (restarts.length === 0) restarts.push(0);
  const end = new DataView(new ArrayBuffer(4 * restarts.length + 4 + TRAILER_BYTES));
  for (const [at, restart] of [...restarts, restarts.length].entries()) end.setUint32(4 * at, restart, true);
  parts.push(new Uint8Array(end.buffer));
  const block = new Uint8Array(Buffer.concat(parts));
  new DataView(block.buffer).setUint32(block.length - 4, maskedCrc(crc32c(block.subarray(0, -4))), true);
  return block;
}

export function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** Snappy (format_description.txt): varint length, then literals and copies of what came before. */
function unsnappy(packed: Uint8Array): Uint8Array {
  const input = new Cursor(packed);
  const bytes = input.varint();
  if (bytes > UNPACKED_BYTES_MAX) throw new RangeError("too long");
  const output = new Uint8Array(bytes);
  let to = 0;
  const little = (count: number): number => {
    let value = 0;
    for (let index = 0; index < count; index += 1) value += packed[input.at++] * 2 ** (8 * index);
    return value;
  };
  while (input.at < packed.length) {
    const tag = packed[input.at++];
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const length = 1 + (short < 60 ? short : little(short - 59));
      output.set(input.bytes(length), to);
      to += length;
      continue;
    }
    const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const back = kind === 1 ? ((tag >> 5) << 8) + little(1) : little(kind === 2 ? 2 : 4);
    if (back === 0 || back > to || to + length > bytes) throw new RangeError("copies what is not there");
    // A copy may overlap what it makes.
    for (const end = to + length; to < end; to += 1) output[to] = output[to - back];
  }
  if (to !== bytes) throw new RangeError("ends too early");
  return output;
}
