/** Reads what ByteWriter wrote. Never throws: after the first fault `fault` says which, and everything reads as 0 or empty. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #fault: string | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  get remaining(): number {
    return this.#fault === undefined ? this.#bytes.length - this.#at : 0;
  }

  fail(reason: string): void {
    this.#fault ??= `${reason} (byte ${this.#at})`;
  }

  byte(): number {
    if (this.remaining < 1) {
      this.fail("ends early");
      return 0;
    }
    return this.#bytes[this.#at++];
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (Number.isSafeInteger(value)) return value;
        break;
      }
      scale *= 0x80;
    }
    this.fail("number out of range");
    return 0;
  }

  /** A count of things that take at least `bytesEach` bytes each: never more than can follow. */
  count(bytesEach: number): number {
    const count = this.varint();
    if (count * bytesEach <= this.remaining) return count;
    this.fail("count is greater than what follows");
    return 0;
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  float(): number {
    if (this.remaining < 8) {
      this.fail("ends early");
      return 0;
    }
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  text(): string {
    try {
      return UTF8.decode(this.block());
    } catch {
      this.fail("text is not UTF-8");
      return "";
    }
  }

  /** A view of the bytes. */
  block(): Uint8Array {
    const length = this.count(1);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
