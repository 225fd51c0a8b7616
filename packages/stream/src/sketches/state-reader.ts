const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One for all: a view of each sketch's bytes would cost as much as the rest of a small one. */
const floatView = new DataView(new ArrayBuffer(8));

/** Reads what StateWriter wrote. Never throws: after the first fault everything reads as 0 or empty, and it is not whole. */
export class StateReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #isFaulty = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Everything was as StateWriter writes it, and nothing is left. */
  get isWhole(): boolean {
    return !this.#isFaulty && this.#at === this.#bytes.length;
  }

  /** Marks the state as one that was not written: `isWhole` will be false. */
  require(isTrue: boolean): void {
    if (!isTrue) this.#isFaulty = true;
  }

  byte(): number {
    return this.#take(1) ? this.#bytes[this.#at - 1] : 0;
  }

  /** At most `max`; a greater one is a fault. */
  count(max = Number.MAX_SAFE_INTEGER): number {
    // Of one byte, as most counts of a small sketch are; behind the end it is undefined.
    const first = this.#bytes[this.#at];
    if (first < 0x80 && first <= max && !this.#isFaulty) {
      this.#at += 1;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 8; index++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        // Without a last byte of 0, which would be a second way to write the same number.
        this.require(value <= max && (byte > 0 || index === 0));
        return this.#isFaulty ? 0 : value;
      }
      scale *= 0x80;
    }
    this.#isFaulty = true;
    return 0;
  }

  word(): number {
    return this.#take(4) ? this.#wordAt(this.#at - 4) >>> 0 : 0;
  }

  /** A number as sketches keep them: finite, and not -0. */
  float(): number {
    if (!this.#take(8)) return 0;
    floatView.setInt32(0, this.#wordAt(this.#at - 4));
    floatView.setInt32(4, this.#wordAt(this.#at - 8));
    const value = floatView.getFloat64(0);
    this.require(Number.isFinite(value) && !Object.is(value, -0));
    return this.#isFaulty ? 0 : value;
  }

  text(bytesMax: number): string {
    const block = this.block(this.count(bytesMax));
    try {
      return decoder.decode(block);
    } catch {
      this.#isFaulty = true;
      return "";
    }
  }

  /** A view of the bytes. */
  block(length: number): Uint8Array {
    return this.#take(length) ? this.#bytes.subarray(this.#at - length, this.#at) : new Uint8Array(0);
  }

  /** Little-endian. */
  #wordAt(at: number): number {
    const bytes = this.#bytes;
    return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
  }

  #take(count: number): boolean {
    this.require(this.#at + count <= this.#bytes.length);
    if (this.#isFaulty) return false;
    this.#at += count;
    return true;
  }
}
