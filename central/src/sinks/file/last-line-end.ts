import type { FileHandle } from "node:fs/promises";

const PIECE_BYTES = 65_536;

/** Where the last whole line of a file of so many bytes ends; 0 where there is none. */
export async function lastLineEnd(handle: FileHandle, size: number, newline: number): Promise<number> {
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let to = size; to > 0; to -= PIECE_BYTES) {
    const from = Math.max(0, to - PIECE_BYTES);
    const { bytesRead } = await handle.read(piece, 0, to - from, from);
    const at = piece.subarray(0, bytesRead).lastIndexOf(newline);
    if (at >= 0) return from + at + 1;
  }
  return 0;
}
