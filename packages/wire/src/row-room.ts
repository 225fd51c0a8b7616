const ROOM_BYTES = 65_536;
/** What is greater has an array buffer of its own, so that little of a room is left over. */
const SHARE_BYTES_MAX = 16_384;

/**
 * Arrays for what is read of one batch after another, cut from rooms that they share: an array buffer of its own for each column costs
 * more, to make and to collect, than the numbers of a small batch. A room lives as long as any array in it.
 */
export class RowRoom {
  #room = new ArrayBuffer(0);
  #used = 0;

  floats(count: number): Float64Array {
    const bytes = 8 * count;
    if (bytes > SHARE_BYTES_MAX) return new Float64Array(count);
    const at = this.#take(bytes);
    return new Float64Array(this.#room, at, count);
  }

  indices(count: number): Uint32Array {
    const bytes = 4 * count;
    if (bytes > SHARE_BYTES_MAX) return new Uint32Array(count);
    const at = this.#take(bytes);
    return new Uint32Array(this.#room, at, count);
  }

  /** Where so many bytes lie, on a multiple of eight, all 0. */
  #take(bytes: number): number {
    if (this.#used + bytes > this.#room.byteLength) {
      this.#room = new ArrayBuffer(ROOM_BYTES);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += Math.ceil(bytes / 8) * 8;
    return at;
  }
}
