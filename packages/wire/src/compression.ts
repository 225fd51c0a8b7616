import type { RowRoom } from "./row-room.ts";

/** Compression of batch bodies, as an argument: zstd in a process (packages/runtime), none in tests. */
export interface Compression {
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws when the bytes are damaged or would unpack to more than `rawBytesMax`. `room`: where it may lie. */
  decompress(bytes: Uint8Array, rawBytesMax: number, room?: Pick<RowRoom, "bytes">): Uint8Array;
}
