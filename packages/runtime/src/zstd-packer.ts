import { constants, createZstdCompress } from "node:zlib";
import { ZstdHandle } from "./zstd-handle.ts";

/** zstd's own default: pane batches are small, higher levels gain a few per cent for several times the work. */
export const ZSTD_LEVEL = 3;
/** Greater bodies are rare: what packing them takes is not kept for the next. */
const RAW_BYTES_MAX = 256 * 1024;
/** Beyond ZSTD_COMPRESSBOUND (zstd.h): with so much room all is written in one call. */
const SPARE_BYTES = 1_024;

/** One native context that packs body after body: a new one each time is up to a megabyte that waits for the collector. */
export class ZstdPacker {
  /** Null: this Node has no such handle. */
  #handle: ZstdHandle | null | undefined;
  #room = new Uint8Array(0);

  /** A frame that tells its size; null where it is to be asked of Node: the body is great, or this Node has no such handle. */
  pack(raw: Uint8Array): Uint8Array | null {
    if (raw.length > RAW_BYTES_MAX) return null;
    if (this.#handle === undefined) this.#handle = ZstdHandle.of(newStream());
    if (this.#handle === null) return null;
    const roomBytes = raw.length + (raw.length >> 8) + SPARE_BYTES;
    if (this.#room.length < roomBytes) this.#room = new Uint8Array(roomBytes);
    const written = this.#handle.write(constants.ZSTD_e_end, raw, this.#room);
    // Without room left something may still be to come.
    if (written !== null && written < this.#room.length) return this.#room.slice(0, written);
    this.#handle = undefined;
    return null;
  }
}

function newStream(): object {
  return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
}
