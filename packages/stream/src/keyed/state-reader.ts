/** Reads what `StateWriter` wrote. Never throws: beyond the end everything is 0 or empty, and `isOver` says so. */
export class StateReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #isOver = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** More was asked for than there is. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get isAtEnd(): boolean {
    return !this.#isOver && this.restCount === 0;
  }

  get restCount(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#has(1) ? this.#view.getUint8(this.#at++) : 0;
  }

  word(): number {
    if (!this.#has(4)) return 0;
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  float(): number {
    if (!this.#has(8)) return 0;
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  scalar(): string | number {
    const kind = this.byte();
    if (kind === 0) return this.float();
    const length = this.word();
    if (kind !== 1 || !this.#has(2 * length)) {
      this.#isOver = true;
      return 0;
    }
    let text = "";
    for (let index = 0; index < length; index++, this.#at += 2)
      text += String.fromCharCode(this.#view.getUint16(this.#at, true));
    return text;
  }

  /** A copy of so many bytes. */
  bytes(byteCount: number): Uint8Array<ArrayBuffer> {
    if (!this.#has(byteCount)) return new Uint8Array(0);
    this.#at += byteCount;
    return new Uint8Array(this.#bytes.subarray(this.#at - byteCount, this.#at));
  }

  /** A copy of what is left. */
  rest(): Uint8Array<ArrayBuffer> {
    const rest = new Uint8Array(this.#bytes.subarray(this.#at));
    this.#at = this.#bytes.length;
    return rest;
  }

  #has(byteCount: number): boolean {
    if (byteCount <= this.restCount) return true;
    this.#isOver = true;
    return false;
  }
}
