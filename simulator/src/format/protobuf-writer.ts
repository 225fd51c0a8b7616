/** Writes the few protobuf fields that Sparkplug B needs (protobuf.dev/programming-guides/encoding). */
export class ProtobufWriter {
  readonly #bytes: number[] = [];

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  /** A whole number from 0 to 2^53. */
  integer(field: number, value: number): this {
    this.#varint(field * 8);
    return this.#varint(value);
  }

  double(field: number, value: number): this {
    this.#varint(field * 8 + 1);
    const eight = Buffer.alloc(8);
    eight.writeDoubleLE(value);
    this.#bytes.push(...eight);
    return this;
  }

  text(field: number, value: string): this {
    return this.#delimited(field, Buffer.from(value));
  }

  message(field: number, writer: ProtobufWriter): this {
    return this.#delimited(field, writer.#bytes);
  }

  #delimited(field: number, bytes: ArrayLike<number> & Iterable<number>): this {
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  #varint(value: number): this {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes.push((rest % 0x80) | 0x80);
    this.#bytes.push(rest);
    return this;
  }
}
