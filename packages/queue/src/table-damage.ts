import { crc32c } from "@millrace/wire";

/**
 * LevelDB's tables (doc/table_format.md): blocks, each followed by u8 compression (0 none, 1 snappy) and the masked CRC-32C
 * of it and that byte; at the end a footer of 48 bytes: the handles of two blocks, padding, magic. A handle is two varints:
 * offset and length. Both are indexes, of filters and of data: entries of varint shared, varint own, varint value length, own
 * bytes of the key, and as value the handle of a block; then u32 for each restart, and their count.
 */
const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC = 0xdb4775248b80fb57n;
const CRC_MASK_DELTA = 0xa282ead8;
const SNAPPY = 1;

/** Whether a block of this table is not what was written. LevelDB does not look; what it makes of such a one may end the process. */
export function isTableDamaged(table: Uint8Array): boolean {
  try {
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    if (view.getBigUint64(table.length - 8, true) !== MAGIC) return true;
    const footer = new Cursor(table.subarray(table.length - FOOTER_BYTES));
    for (const index of [footer.handle(), footer.handle()]) checkIndexed(table, blockOf(table, index));
    return false;
  } catch {
    return true;
  }
}

interface Handle {
  readonly offset: number;
  readonly length: number;
}

class Cursor {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (this.at >= this.#bytes.length || shift > 42) throw new RangeError("not a varint");
      const byte = this.#bytes[this.at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  handle(): Handle {
    return { offset: this.varint(), length: this.varint() };
  }
}

/** The blocks that an index names: of data, or of filters. */
function checkIndexed(table: Uint8Array, index: Uint8Array): void {
  const restarts = new DataView(index.buffer, index.byteOffset).getUint32(index.length - 4, true);
  for (const entries = new Cursor(index); entries.at < index.length - 4 - 4 * restarts;) {
    entries.varint();
    const ownBytes = entries.varint();
    entries.varint();
    entries.at += ownBytes;
    checkBlock(table, entries.handle());
  }
}

function checkBlock(table: Uint8Array, { offset, length }: Handle): void {
  const end = offset + length + TRAILER_BYTES;
  if (end > table.length - FOOTER_BYTES) throw new RangeError("a block ends beyond the table");
  const crc = crc32c(table.subarray(offset, offset + length + 1));
  const stored = new DataView(table.buffer, table.byteOffset).getUint32(end - 4, true);
  if (stored !== (((crc >>> 15) | (crc << 17)) + CRC_MASK_DELTA) >>> 0) throw new RangeError("bad checksum");
}

function blockOf(table: Uint8Array, handle: Handle): Uint8Array {
  checkBlock(table, handle);
  const { offset, length } = handle;
  const block = table.subarray(offset, offset + length);
  return table[offset + length] === SNAPPY ? unsnappy(block) : block;
}

/** Snappy (format_description.txt): varint length, then literals and copies of what came before. Sound bytes only. */
function unsnappy(packed: Uint8Array): Uint8Array {
  const input = new Cursor(packed);
  const output = new Uint8Array(input.varint());
  let to = 0;
  const little = (bytes: number): number => {
    let value = 0;
    for (let index = 0; index < bytes; index += 1) value += packed[input.at++] * 2 ** (8 * index);
    return value;
  };
  while (input.at < packed.length) {
    const tag = packed[input.at++];
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const length = 1 + (short < 60 ? short : little(short - 59));
      output.set(packed.subarray(input.at, input.at + length), to);
      input.at += length;
      to += length;
      continue;
    }
    const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const back = kind === 1 ? ((tag >> 5) << 8) + little(1) : little(kind === 2 ? 2 : 4);
    // A copy may overlap what it makes.
    for (const end = to + length; to < end; to += 1) output[to] = output[to - back];
  }
  return output;
}
