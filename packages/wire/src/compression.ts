/** Compression of batch bodies, as an argument: zstd in a process (packages/runtime), none in tests. */
export interface Compression {
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws when the bytes are damaged or would unpack to more than `rawBytesMax`. */
  decompress(bytes: Uint8Array, rawBytesMax: number): Uint8Array;
}
