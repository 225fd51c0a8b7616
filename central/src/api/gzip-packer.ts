import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { constants, createGzip } from "node:zlib";

/** Of the four threads of Node's pool: the store's reads and commits are done there, too. */
export const PACKING_MAX = 2;
/** Answers that wait for their turn, each in memory; what comes beyond goes as it is. */
export const WAITING_MAX = 64;

/** Packs answers in gzip, off the main thread, few at once. */
export class GzipPacker {
  readonly #once = new WeakMap<Uint8Array, Promise<Buffer>>();
  readonly #waiting: (() => void)[] = [];
  #packingCount = 0;

  /** All of it, piece after piece; null: there is no room now, or others have their turn and it may not wait. */
  pack(pieces: readonly (string | Uint8Array)[], { mayWait = true } = {}): Promise<Buffer> | null {
    if (!mayWait && this.#packingCount >= PACKING_MAX) return null;
    return this.#begin(pieces, constants.Z_BEST_SPEED);
  }

  /** Of bytes that never change and are sent again and again: packed when they are first asked for, and kept as long as they are. */
  packOnce(bytes: Uint8Array): Promise<Buffer> | null {
    const packed = this.#once.get(bytes) ?? this.#begin([bytes], constants.Z_BEST_COMPRESSION);
    if (packed !== null) this.#once.set(bytes, packed);
    return packed;
  }

  #begin(pieces: readonly (string | Uint8Array)[], level: number): Promise<Buffer> | null {
    return this.#waiting.length < WAITING_MAX ? this.#inTurn(pieces, level) : null;
  }

  async #inTurn(pieces: readonly (string | Uint8Array)[], level: number): Promise<Buffer> {
    if (this.#packingCount < PACKING_MAX) this.#packingCount += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await buffer(Readable.from(pieces, { objectMode: false }).pipe(createGzip({ level })));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#packingCount -= 1;
      else next();
    }
  }
}
