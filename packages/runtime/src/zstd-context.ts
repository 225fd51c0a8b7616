import { constants, createZstdDecompress } from "node:zlib";
import { zstdContentBytes } from "./zstd-frame.ts";

/** What is handed out is cut from slabs: an array buffer of its own for each small body costs as much as unpacking it. */
const SLAB_BYTES = 65_536;
/** What is greater has an array buffer of its own, so that little of a slab is left over. */
const SLAB_SHARE_BYTES_MAX = 16_384;

/** What works inside Node's stream. */
interface Handle {
  writeSync(
    flush: number,
    from: Uint8Array,
    fromAt: number,
    fromBytes: number,
    to: Uint8Array,
    toAt: number,
    toBytes: number,
  ): void;
}

interface Opened {
  readonly handle: Handle;
  /** After each write: bytes of room left, bytes of input left. */
  readonly left: Uint32Array;
  hasFailed: boolean;
}

/**
 * One native context that unpacks frame after frame. `zstdDecompressSync` makes a stream and a context of 160 KB for each
 * call, which takes three times as long as unpacking a small batch, and Node documents no other call that does not go through a
 * thread: this one is what its stream does itself (docs/decisions/zstd-from-node.md).
 */
export class ZstdContext {
  /** Null: this Node has no such handle. */
  #opened: Opened | null | undefined;
  #slab = new Uint8Array(0);
  #slabUsed = 0;

  /**
   * What a frame unpacks to; null where that is to be asked of Node: it is no single whole frame that tells its size, or tells
   * more than `rawBytesMax`, or is damaged, or this Node has no such handle.
   */
  unpack(frame: Uint8Array, rawBytesMax: number): Uint8Array | null {
    const size = zstdContentBytes(frame);
    if (size === null || size === 0 || size > rawBytesMax) return null;
    if (this.#opened === undefined) this.#opened = open();
    if (this.#opened === null) return null;
    const { handle, left } = this.#opened;
    const raw = this.#room(size);
    // A frame that tells its size, and has room for it, is unpacked whole in one call, or is an error: of none is a part left for
    // the next.
    handle.writeSync(constants.ZSTD_e_end, frame, 0, frame.length, raw, 0, size);
    if (!this.#opened.hasFailed && left[0] === 0 && left[1] === 0) return raw;
    this.#opened = undefined;
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

function open(): Opened | null {
  const stream: object = createZstdDecompress();
  const handle = "_handle" in stream ? stream._handle : undefined;
  const left = "_writeState" in stream ? stream._writeState : undefined;
  if (!isHandle(handle) || !(left instanceof Uint32Array)) return null;
  const opened: Opened = { handle, left, hasFailed: false };
  Object.assign(handle, { onerror: () => (opened.hasFailed = true) });
  return opened;
}

function isHandle(handle: unknown): handle is Handle {
  return (
    typeof handle === "object" &&
    handle !== null &&
    "writeSync" in handle &&
    typeof handle.writeSync === "function"
  );
}
