const ROOM_BYTES = 65_536;

/**
 * Arrays for what is read of one batch after another, cut from rooms that they share: an array buffer of its own for each column costs
 * more, to make and to collect, than the numbers of a small batch. A room lives as long as any array in it. Whoever is done with
 * the rows of a batch before the next one is read has them all at the same place, which the caches hold, by `reuse`.
 */
export class RowRoom {
  readonly #roomBytes: number;
  #room = new ArrayBuffer(0);
  #used = 0;

  /** What is greater than a quarter of `roomBytes` has an array buffer of its own, so that little of a room is left over. */
  constructor(roomBytes = ROOM_BYTES) {
    this.#roomBytes = roomBytes;
  }

  /** All 0. */
  floats(count: number): Float64Array {
    const bytes = 8 * count;
    if (bytes > this.#roomBytes / 4) return new Float64Array(count);
    const at = this.#take(bytes);
    return new Float64Array(this.#room, at, count).fill(0);
  }

  /** All to be written. */
  indices(count: number): Uint32Array {
    const bytes = 4 * count;
    if (bytes > this.#roomBytes / 4) return new Uint32Array(count);
    const at = this.#take(bytes);
    return new Uint32Array(this.#room, at, count);
  }

  /** All to be written. */
  bytes(count: number): Uint8Array {
    if (count > this.#roomBytes / 4) return new Uint8Array(count);
    const at = this.#take(count);
    return new Uint8Array(this.#room, at, count);
  }

  /** What was handed out is used no more: the next arrays may lie there. */
  reuse(): void {
    this.#used = 0;
  }

  /** Where so many bytes lie, on a multiple of eight. */
  #take(bytes: number): number {
    if (this.#used + bytes > this.#room.byteLength) {
      this.#room = new ArrayBuffer(this.#roomBytes);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += Math.ceil(bytes / 8) * 8;
    return at;
  }
}
