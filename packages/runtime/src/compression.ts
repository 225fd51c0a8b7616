import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** zstd for batch bodies; has the shape of wire's `Compression`. */
export const zstdCompression = {
  compress(bytes: Uint8Array): Uint8Array {
    return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
  },
  /** Throws when the bytes are damaged or would unpack to more than `rawBytesMax`. */
  decompress(bytes: Uint8Array, rawBytesMax: number): Uint8Array {
    return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, rawBytesMax) });
  },
};

/** zstd's own default: pane batches are small, higher levels gain a few per cent for several times the work. */
const LEVEL = 3;
