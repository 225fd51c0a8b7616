/** Reads zigzag varints, and what they give the length of, one after another. */
export class VarintCursor {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Within ±2^53; wrong beyond, and behind the end of the bytes. */
  next(): number {
    const first = this.#bytes[this.at];
    if (first < 0x80) {
      this.at += 1;
      return (first >>> 1) ^ -(first & 1);
    }
    let number = 0;
    let scale = 1;
    for (let byte = 0x80; byte >= 0x80 && scale < 2 ** 70; scale *= 0x80) {
      byte = this.#bytes[this.at++];
      number += (byte & 0x7f) * scale;
    }
    return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
  }

  skipPart(): void {
    const length = this.next();
    this.at += Math.max(0, length);
  }

  /** Null where its length is below 0. */
  part(): Uint8Array | null {
    const length = this.next();
    const part = partOf(this.#bytes, this.at, length);
    this.at += Math.max(0, length);
    return part;
  }
}

/** Null where the length is below 0. */
export function partOf(bytes: Uint8Array, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);
}
