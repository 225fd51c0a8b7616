/** A small one is collected sooner than it is given back. */
const BYTES_MIN = 16 * 1024;

/**
 * The memory that a connection is read into, while it is read part by part. Once all of it has come, from its first byte to its
 * last, it is nobody else's: what comes in one of Node's pools has other parts between. Then it can be given back at once.
 */
export class OwnBuffer {
  #buffer: ArrayBufferLike | undefined;
  #seenTo = 0;
  #isKept = false;

  /** The next part that is read. */
  add({ buffer, byteOffset, length }: Uint8Array): void {
    if (byteOffset === 0) {
      this.#buffer = buffer;
      this.#seenTo = 0;
      this.#isKept = false;
    } else if (buffer !== this.#buffer || byteOffset !== this.#seenTo) this.#buffer = undefined;
    this.#seenTo += length;
  }

  /** Somebody goes on looking at the part that was added last: it is the collector's to find out how long. */
  keep(): void {
    this.#isKept = true;
  }

  /** What may be given back: nobody looks at any part of it, and nothing of it is to come. */
  takeDone(): ArrayBuffer | undefined {
    const buffer = this.#buffer;
    if (!(buffer instanceof ArrayBuffer) || this.#seenTo < buffer.byteLength) return undefined;
    this.#buffer = undefined;
    return this.#isKept || buffer.byteLength < BYTES_MIN ? undefined : buffer;
  }
}
