import { constants, createZstdDecompress } from "node:zlib";
import { zstdContentBytes } from "./zstd-frame.ts";
import { ZstdHandle } from "./zstd-handle.ts";

/** What is handed out is cut from slabs: an array buffer of its own for each small body costs as much as unpacking it. */
const SLAB_BYTES = 65_536;
/** What is greater has an array buffer of its own, so that little of a slab is left over. */
const SLAB_SHARE_BYTES_MAX = 16_384;

/** Gives memory that is all to be written. */
export interface UnpackRoom {
  bytes(count: number): Uint8Array;
}

/** One native context that unpacks frame after frame: a new one for each takes three times as long as unpacking a small batch. */
export class ZstdUnpacker {
  /** Null: this Node has no such handle. */
  #handle: ZstdHandle | null | undefined;
  #slab = new Uint8Array(0);
  #slabUsed = 0;

  /**
   * What a frame unpacks to; null where that is to be asked of Node: it is no single whole frame that tells its size, or tells
   * more than `rawBytesMax`, or is damaged, or this Node has no such handle. `room`: where it is to lie.
   */
  unpack(frame: Uint8Array, rawBytesMax: number, room?: UnpackRoom): Uint8Array | null {
    const size = zstdContentBytes(frame);
    if (size === null || size === 0 || size > rawBytesMax) return null;
    if (this.#handle === undefined) this.#handle = ZstdHandle.of(createZstdDecompress());
    if (this.#handle === null) return null;
    const raw = room?.bytes(size) ?? this.#room(size);
    // A frame that tells its size, and has room for it, is unpacked whole in one call, or is an error: of none is a part left for
    // the next.
    if (this.#handle.write(constants.ZSTD_e_end, frame, raw) === size) return raw;
    this.#handle = undefined;
    return null;
  }

  #room(size: number): Uint8Array {
    if (size > SLAB_SHARE_BYTES_MAX) return unsafeBytes(size);
    if (this.#slabUsed + size > this.#slab.length) {
      this.#slab = unsafeBytes(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    this.#slabUsed += size;
    return this.#slab.subarray(this.#slabUsed - size, this.#slabUsed);
  }
}

/** Whatever was in this memory before: all of it that is handed out is written to first. */
function unsafeBytes(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
}
