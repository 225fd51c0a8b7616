/** Reads what ByteWriter wrote. Never throws: after the first fault `fault` says which, and everything reads as 0 or empty. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #from: number;
  readonly #end: number;
  #at: number;
  #fault: string | undefined;

  constructor(
    bytes: Uint8Array,
    within: Within = {
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      from: 0,
      end: bytes.length,
    },
  ) {
    this.#bytes = bytes;
    this.#view = within.view;
    this.#from = within.from;
    this.#at = within.from;
    this.#end = within.end;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  get remaining(): number {
    return this.#fault === undefined ? this.#end - this.#at : 0;
  }

  /** How many bytes have been read. */
  get position(): number {
    return this.#at;
  }

  /** A copy of what has been read since a position. */
  since(position: number): DataView {
    return new DataView(this.#bytes.slice(position, this.#at).buffer);
  }

  /** Whether the next bytes are these; if so they count as read. Four bytes a look at memory: a byte a look takes long. */
  skip(bytes: DataView): boolean {
    const length = bytes.byteLength;
    if (length > this.remaining) return false;
    const view = this.#view;
    const from = this.#at;
    let at = 0;
    for (const end = length - 4; at <= end; at += 4)
      if (view.getInt32(from + at) !== bytes.getInt32(at)) return false;
    for (; at < length; at += 1) if (view.getUint8(from + at) !== bytes.getUint8(at)) return false;
    this.#at += length;
    return true;
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

  /**
   * So many zigzags as their running sums, in `into[at]`, `into[at + stride]`, …; a sum beyond ±`max` is a fault. In one loop,
   * because a call for each of the numbers that most batches are made of costs more than the number.
   */
  sums(into: Float64Array, { at, stride, count }: Places, max: number): void {
    if (this.#fault !== undefined) return;
    const bytes = this.#bytes;
    // So far the second byte of a number may be looked at.
    const end = this.#end - 1;
    let from = this.#at;
    let sum = 0;
    for (let left = count, to = at; left > 0; left -= 1, to += stride) {
      const low = from < end ? bytes[from] : 0x80;
      const high = from < end ? bytes[from + 1] : 0x80;
      // Of two bytes at most, as nearly all are; the last of all goes the long way.
      if (low < 0x80) {
        from += 1;
        sum += (low >>> 1) ^ -(low & 1);
      } else if (high < 0x80) {
        from += 2;
        const value = (low & 0x7f) | (high << 7);
        sum += (value >>> 1) ^ -(value & 1);
      } else {
        this.#at = from;
        sum += this.zigzag();
        from = this.#at;
      }
      if (!(Math.abs(sum) <= max)) this.fail("number out of range");
      if (this.#fault !== undefined) return;
      into[to] = sum;
    }
    this.#at = from;
  }

  /** So many floats, into the same places as `sums`. */
  floats(into: Float64Array, { at, stride, count }: Places): void {
    if (this.remaining < 8 * count) return this.fail("ends early");
    const view = this.#view;
    let from = this.#at;
    for (let left = count, to = at; left > 0; left -= 1, to += stride, from += 8)
      into[to] = view.getFloat64(from, true);
    this.#at = from;
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

  /** A reader of a block, whose faults are its own. Reads on behind it. */
  part(): ByteReader {
    const length = this.count(1);
    this.#at += length;
    return new ByteReader(this.#bytes, { view: this.#view, from: this.#at - length, end: this.#at });
  }

  /** A view of all that it reads, from its beginning. */
  get whole(): Uint8Array {
    return this.#bytes.subarray(this.#from, this.#end);
  }
}

/** A part of the bytes; `view` is of all of them. */
interface Within {
  readonly view: DataView;
  readonly from: number;
  readonly end: number;
}

/** Every `stride`-th place of an array from `at` on, `count` of them. */
export interface Places {
  readonly at: number;
  readonly stride: number;
  readonly count: number;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
