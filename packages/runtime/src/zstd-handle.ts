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

/**
 * The native context of one of Node's zstd streams, used for frame after frame. `zstdCompressSync` and `zstdDecompressSync` make
 * a stream and a context of some hundred KB for each call, and leave them to the collector; Node documents no other call that
 * does not go through a thread: this one is what its stream does itself (docs/decisions/zstd-from-node.md).
 */
export class ZstdHandle {
  readonly #handle: Handle;
  /** After each write: bytes of room left, bytes of input left. */
  readonly #left: Uint32Array;
  #hasFailed = false;

  /** Null: this Node has no such handle. */
  static of(stream: object): ZstdHandle | null {
    const handle = "_handle" in stream ? stream._handle : undefined;
    const left = "_writeState" in stream ? stream._writeState : undefined;
    return isHandle(handle) && left instanceof Uint32Array ? new ZstdHandle(handle, left) : null;
  }

  private constructor(handle: Handle, left: Uint32Array) {
    this.#handle = handle;
    this.#left = left;
    Object.assign(handle, { onerror: () => (this.#hasFailed = true) });
  }

  /** How much of `to` is written, all of `from` being read; null where it failed: then the handle is of no further use. */
  write(flush: number, from: Uint8Array, to: Uint8Array): number | null {
    this.#handle.writeSync(flush, from, 0, from.length, to, 0, to.length);
    const [room, unread] = this.#left;
    return this.#hasFailed || unread > 0 ? null : to.length - room;
  }
}

function isHandle(handle: unknown): handle is Handle {
  return (
    typeof handle === "object" &&
    handle !== null &&
    "writeSync" in handle &&
    typeof handle.writeSync === "function"
  );
}
