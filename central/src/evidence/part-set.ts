/** Which of a piece's parts are held, as a bit each; in the store as base64. */
export class PartSet {
  readonly #bits: Uint8Array;
  readonly size: number;
  #count = 0;

  /** @param stored what `toString` gave; anything else is taken as far as it goes. */
  constructor(size: number, stored = "") {
    this.size = size;
    this.#bits = new Uint8Array(Math.ceil(size / 8));
    this.#bits.set(Buffer.from(stored, "base64").subarray(0, this.#bits.length));
    for (let part = 0; part < size; part += 1) if (this.has(part)) this.#count += 1;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.size;
  }

  has(part: number): boolean {
    return (this.#bits[part >> 3] & (1 << (part & 7))) !== 0;
  }

  /** False when it was there already. */
  add(part: number): boolean {
    if (part >= this.size || this.has(part)) return false;
    this.#bits[part >> 3] |= 1 << (part & 7);
    this.#count += 1;
    return true;
  }

  *[Symbol.iterator](): Generator<number> {
    for (let part = 0; part < this.size; part += 1) if (this.has(part)) yield part;
  }

  toString(): string {
    return Buffer.from(this.#bits).toString("base64");
  }
}
