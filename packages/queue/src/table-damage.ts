import { readFile } from "node:fs/promises";
import { blockEntries, Cursor, type Handle, isBlockSound, unpackBlock } from "./level-block.ts";

/**
 * LevelDB's tables (doc/table_format.md): blocks; at the end a footer of 48 bytes: the handles of two blocks, padding, magic.
 * A handle is two varints: offset and length. Both blocks are indexes, of filters and of data: their values are handles.
 */
export const FOOTER_BYTES = 48;
export const MAGIC = 0xdb4775248b80fb57n;

/** Whether a block of this table is not what was written. LevelDB does not look; what it makes of such a one may end the process. */
export function isTableDamaged(table: Uint8Array): boolean {
  try {
    return tableIndexes(table).some(
      (index) =>
        !isBlockSound(table, index) ||
        indexedBlocks(unpackBlock(table, index)).some((block) => !isBlockSound(table, block)),
    );
  } catch {
    return true;
  }
}

/** The bytes of a table; none where the disk cannot give them, which is damage too. */
export async function readTable(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EIO" || code === "EISDIR") return new Uint8Array(0);
    throw error;
  }
}

/** Of the filters' index and of the data's; throws where the footer does not tell. */
export function tableIndexes(table: Uint8Array): [filters: Handle, data: Handle] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  if (view.getBigUint64(table.length - 8, true) !== MAGIC) throw new RangeError("not a table");
  const footer = new Cursor(table.subarray(table.length - FOOTER_BYTES));
  return [footer.handle(), footer.handle()];
}

function indexedBlocks(index: Uint8Array): Handle[] {
  return [...blockEntries(index)].map(({ value }) => new Cursor(value).handle());
}
