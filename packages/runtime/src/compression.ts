import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { ZSTD_LEVEL, ZstdPacker } from "./zstd-packer.ts";
import { ZstdUnpacker } from "./zstd-unpacker.ts";
import type { UnpackRoom } from "./zstd-unpacker.ts";

/** zstd for batch bodies; has the shape of wire's `Compression`. */
export const zstdCompression = {
  compress(bytes: Uint8Array): Uint8Array {
    const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
    return packer.pack(bytes) ?? zstdCompressSync(bytes, { params });
  },
  /** Throws when the bytes are damaged or would unpack to more than `rawBytesMax`. `room`: where it may lie. */
  decompress(bytes: Uint8Array, rawBytesMax: number, room?: UnpackRoom): Uint8Array {
    const unpacked = unpacker.unpack(bytes, rawBytesMax, room);
    if (unpacked !== null) return unpacked;
    const maxOutputLength = Math.max(1, rawBytesMax);
    // Room for all of it at once; the default is 64 KiB for each body, however small.
    const chunkSize = Math.max(CHUNK_BYTES_MIN, Math.min(CHUNK_BYTES_MAX, maxOutputLength));
    return zstdDecompressSync(bytes, { maxOutputLength, chunkSize });
  },
};

const packer = new ZstdPacker();
const unpacker = new ZstdUnpacker();

const CHUNK_BYTES_MIN = 64;
const CHUNK_BYTES_MAX = 65_536;
