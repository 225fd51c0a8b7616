/**
 * Reads Protocol Buffers' wire format, field by field, within its bytes. Never throws: after the first fault `fault` says
 * which, and there are no more fields.
 *
 *   field = varint (number << 3 | wire type), then by wire type
 *   0 varint: seven bits a byte, least first, at most ten bytes    1 eight bytes    5 four bytes    2 varint length, bytes
 *
 * Groups (wire types 3 and 4) are not in use since 2008 and are a fault.
 */
export class ProtobufReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #end: number;
  #fault: string | undefined;
  #wireType = 0;
  #low = 0;
  #high = 0;
  #blockStart = 0;
  #blockEnd = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  fail(reason: string): void {
    this.#fault ??= `${reason} (byte ${this.#at})`;
  }

  /** Number of the next field of this message, its value read; 0 at the message's end. */
  next(): number {
    if (this.#fault !== undefined || this.#at >= this.#end) return 0;
    this.#varint();
    const number = ((this.#high << 29) | (this.#low >>> 3)) >>> 0;
    this.#wireType = this.#low & 7;
    if (this.#fault === undefined && (number === 0 || this.#high >>> 3 !== 0)) this.fail("no field number");
    switch (this.#wireType) {
      case 0:
        this.#varint();
        break;
      case 1:
        this.#skip(8);
        break;
      case 2:
        this.#varint();
        if (this.#high !== 0) this.fail("a length beyond its message");
        this.#skip(this.#low);
        break;
      case 5:
        this.#skip(4);
        break;
      default:
        this.fail(`wire type ${this.#wireType}`);
    }
    return this.#fault === undefined ? number : 0;
  }

  /** The field as an unsigned integer of 64 bits: a number where it is a safe one. */
  integer(): number | bigint {
    if (!this.#is(0, "an integer")) return 0;
    if (this.#high < 0x20_0000) return this.#high * 0x1_0000_0000 + this.#low;
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  /** The field's low 32 bits, unsigned: what a `uint32` is, however long it was written. */
  integer32(): number {
    return this.#is(0, "an integer") ? this.#low : 0;
  }

  truth(): boolean {
    return this.#is(0, "true or false") && (this.#low !== 0 || this.#high !== 0);
  }

  float(): number {
    return this.#is(5, "a float") ? this.#view.getFloat32(this.#blockStart, true) : 0;
  }

  double(): number {
    return this.#is(1, "a double") ? this.#view.getFloat64(this.#blockStart, true) : 0;
  }

  /** What is not UTF-8 in it reads as U+FFFD. */
  text(): string {
    if (!this.#is(2, "text")) return "";
    return UTF8.decode(this.#bytes.subarray(this.#blockStart, this.#blockEnd));
  }

  /** Reads the field as a message of its own; `read` must read it to its end. */
  message(read: () => void): void {
    if (!this.#is(2, "a message")) return;
    const [at, end] = [this.#at, this.#end];
    this.#at = this.#blockStart;
    this.#end = this.#blockEnd;
    read();
    this.#at = at;
    this.#end = end;
  }

  #is(wireType: number, what: string): boolean {
    if (this.#wireType !== wireType) this.fail(`not ${what}`);
    return this.#fault === undefined;
  }

  #skip(length: number): void {
    if (this.#fault !== undefined) return;
    if (length > this.#end - this.#at) return this.fail("ends early");
    this.#blockStart = this.#at;
    this.#at += length;
    this.#blockEnd = this.#at;
  }

  #varint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) return this.fail("ends early");
      const byte = this.#bytes[this.#at++];
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    this.fail("a number of more than ten bytes");
  }
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
