import { crc32c } from "@millrace/wire";
import {
  type BlockEntry,
  blockEntries,
  Cursor,
  type Handle,
  isBlockSound,
  maskedCrc,
  packBlock,
  TRAILER_BYTES,
  unpackBlock,
  varint,
} from "./level-block.ts";
import { FOOTER_BYTES, isTableDamaged, MAGIC, tableIndexes } from "./table-damage.ts";

/** What a manifest says of a table, and what it holds. */
export interface MendedTable {
  /** The table without what was damaged; undefined: it is whole. */
  readonly mended: Uint8Array | undefined;
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
  readonly lastSequence: number;
}

/** Longest block that is looked for where no index tells its length: most are of 4 KiB, before they are compressed. */
const SCANNED_BYTES_MAX = 1024 * 1024;
/** The same, behind a damaged block: so many starts are tried that each must be short. */
const RESCANNED_BYTES_MAX = 16 * 1024;
/** Of one table: half a second. */
const SCAN_STEPS_MAX = 100_000_000;
const COMPRESSION_MAX = 1;
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => ~crc32c(Uint8Array.of(byte), 0xffff_ffff));
const KEY_TAG_BYTES = 8;
const TYPE_MAX = 1;
/** LevelDB gives none so great: an index's keys have the greatest of all. */
const SEQUENCE_MAX = 2 ** 53;

interface SoundBlock {
  readonly handle: Handle;
  readonly entries: readonly BlockEntry[];
  /** LevelDB can take all of it as it lies there. */
  readonly isWhole: boolean;
}

/**
 * Keeps of a table the blocks whose checksum is right, and in them the entries that LevelDB can bear: a key that is none, or
 * not after the one before it, ends its process sooner or later. Undefined where nothing is left. The filters are left out:
 * a damaged one would hide what is there.
 */
export function mendTable(table: Uint8Array): MendedTable | undefined {
  const isDamaged = isTableDamaged(table);
  const found = [...soundBlocks(table)].toSorted((a, b) => compareKeys(a.entries[0].key, b.entries[0].key));
  const blocks: { readonly bytes: Uint8Array; readonly last: Uint8Array }[] = [];
  let smallest: Uint8Array | undefined;
  let largest: Uint8Array | undefined;
  let lastSequence = 0;
  let isLossless = !isDamaged;
  for (const { handle, entries, isWhole } of found) {
    const before = largest;
    const isBehind = before === undefined || compareKeys(entries[0].key, before) > 0;
    const kept = isBehind ? entries : entries.filter(({ key }) => compareKeys(key, before) > 0);
    if (!isWhole || kept.length < entries.length) isLossless = false;
    if (kept.length === 0) continue;
    const { offset, length } = handle;
    const asItIs = isWhole && kept.length === entries.length;
    const bytes = asItIs ? table.subarray(offset, offset + length + TRAILER_BYTES) : packBlock(kept);
    smallest ??= kept[0].key;
    largest = kept[kept.length - 1].key;
    for (const { key } of kept) lastSequence = Math.max(lastSequence, sequenceOf(key));
    blocks.push({ bytes, last: largest });
  }
  if (smallest === undefined || largest === undefined) return undefined;
  return { mended: isLossless ? undefined : tableOf(blocks), smallest, largest, lastSequence };
}

function tableOf(blocks: readonly { readonly bytes: Uint8Array; readonly last: Uint8Array }[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const index: BlockEntry[] = [];
  let at = 0;
  const append = (block: Uint8Array): Uint8Array => {
    const handle = Uint8Array.of(...varint(at), ...varint(block.length - TRAILER_BYTES));
    parts.push(block);
    at += block.length;
    return handle;
  };
  for (const { bytes, last } of blocks) index.push({ key: last, value: append(bytes) });
  const footer = new Uint8Array(FOOTER_BYTES);
  const filters = append(packBlock([]));
  footer.set([...filters, ...append(packBlock(index))]);
  new DataView(footer.buffer).setBigUint64(FOOTER_BYTES - 8, MAGIC, true);
  return new Uint8Array(Buffer.concat([...parts, footer]));
}

/** Blocks of data, at least one entry in each. */
function* soundBlocks(table: Uint8Array): Generator<SoundBlock> {
  for (const handle of soundHandles(table)) {
    const entries = entriesOf(table, handle);
    if (entries === undefined || isIndex(table, handle, entries)) continue;
    const kept: BlockEntry[] = [];
    for (const entry of entries) {
      const last = kept.at(-1);
      if (isKey(entry.key) && (last === undefined || compareKeys(entry.key, last.key) > 0)) kept.push(entry);
    }
    if (kept.length > 0) yield { handle, entries: kept, isWhole: kept.length === entries.length };
  }
}

/** As the index names them; where that is damaged, also those that their checksums show to be there. */
function* soundHandles(table: Uint8Array): Generator<Handle> {
  const { lengths, isSound } = indexOf(table);
  if (isSound) {
    for (const [offset, length] of lengths)
      if (isBlockSound(table, { offset, length })) yield { offset, length };
    return;
  }
  const offsets = [...lengths.keys()].toSorted((a, b) => a - b);
  const scan = new BlockScan(table);
  for (let at = 0; at < table.length;) {
    const known = { offset: at, length: lengths.get(at) ?? table.length };
    const from: number = at;
    const next = offsets.find((offset) => offset > from) ?? table.length;
    const found = isBlockSound(table, known) ? known : scan.next(at, next);
    if (found !== undefined) yield found;
    at = found === undefined ? next : found.offset + found.length + TRAILER_BYTES;
  }
}

function indexOf(table: Uint8Array): { lengths: ReadonlyMap<number, number>; isSound: boolean } {
  const lengths = new Map<number, number>();
  try {
    const [, index] = tableIndexes(table);
    for (const { value } of blockEntries(unpackBlock(table, index))) {
      const { offset, length } = new Cursor(value).handle();
      lengths.set(offset, length);
    }
    return { lengths, isSound: isBlockSound(table, index) };
  } catch {
    // What was read until then helps.
    return { lengths, isSound: false };
  }
}

/** Finds blocks by the checksums behind them. */
class BlockScan {
  readonly #table: Uint8Array;
  readonly #view: DataView;
  #stepsLeft = SCAN_STEPS_MAX;

  constructor(table: Uint8Array) {
    this.#table = table;
    this.#view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  }

  /** The first one that begins between the two: mostly at once, else behind what may be the end of a damaged one. */
  next(from: number, to: number): Handle | undefined {
    const length = this.#lengthAt(from, to, SCANNED_BYTES_MAX);
    if (length !== undefined) return { offset: from, length };
    for (let end = from; end + TRAILER_BYTES < to && this.#stepsLeft > 0; end += 1) {
      if (this.#table[end] > COMPRESSION_MAX) continue;
      const offset = end + TRAILER_BYTES;
      const found = this.#lengthAt(offset, to, RESCANNED_BYTES_MAX);
      if (found !== undefined) return { offset, length: found };
    }
    return undefined;
  }

  #lengthAt(from: number, to: number, bytesMax: number): number | undefined {
    const table = this.#table;
    const end = Math.min(to - 4, from + bytesMax, from + this.#stepsLeft);
    let crc = -1;
    for (let at = from; at < end; at += 1) {
      crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ table[at]) & 0xff];
      if (table[at] > COMPRESSION_MAX || this.#view.getUint32(at + 1, true) !== maskedCrc(~crc)) continue;
      this.#stepsLeft -= at - from;
      return at - from;
    }
    this.#stepsLeft -= Math.max(0, end - from);
    return undefined;
  }
}

function entriesOf(table: Uint8Array, handle: Handle): readonly BlockEntry[] | undefined {
  try {
    return [...blockEntries(unpackBlock(table, handle))];
  } catch {
    return undefined;
  }
}

/** Found by its checksum it looks like data: keys, and as values the handles of blocks before it. */
function isIndex(table: Uint8Array, { offset }: Handle, entries: readonly BlockEntry[]): boolean {
  return entries.every(({ value }) => {
    try {
      const cursor = new Cursor(value);
      const block = cursor.handle();
      const end = block.offset + block.length + TRAILER_BYTES;
      return cursor.at === value.length && end <= offset && end <= table.length;
    } catch {
      return false;
    }
  });
}

function isKey(key: Uint8Array): boolean {
  if (key.length < KEY_TAG_BYTES) return false;
  return key[key.length - KEY_TAG_BYTES] <= TYPE_MAX && sequenceOf(key) < SEQUENCE_MAX;
}

function sequenceOf(key: Uint8Array): number {
  return Number(tagOf(key) >> 8n);
}

/** Ascending by the user's key, of one key the newest first. */
function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const byKey = Buffer.compare(a.subarray(0, -KEY_TAG_BYTES), b.subarray(0, -KEY_TAG_BYTES));
  return byKey === 0 ? Math.sign(Number(tagOf(b) - tagOf(a))) : byKey;
}

function tagOf(key: Uint8Array): bigint {
  return new DataView(key.buffer, key.byteOffset + key.length - KEY_TAG_BYTES).getBigUint64(0, true);
}
