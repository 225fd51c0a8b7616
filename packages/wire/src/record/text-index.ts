const SLOTS_FIRST = 64;
const POOL_FIRST = 1_024;
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Small dense numbers for texts, looked up by their UTF-8 bytes: no object is made for a text that is known. It grows with
 * every new text; whoever fills it bounds it.
 */
export class TextIndex {
  /** Number + 1 by slot; 0 is free. */
  #slots = new Int32Array(SLOTS_FIRST);
  /** By number. */
  #hashes = new Int32Array(SLOTS_FIRST);
  #starts = new Int32Array(SLOTS_FIRST + 1);
  readonly #texts: string[] = [];
  #pool = new Uint8Array(POOL_FIRST);

  get size(): number {
    return this.#texts.length;
  }

  textOf(number: number): string {
    return this.#texts[number];
  }

  /** Of the bytes: the same for the same text, in every process. */
  hashOf(number: number): number {
    return this.#hashes[number];
  }

  /** The number of the text at `[start, end)`. */
  numberOf(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at], 0x01000193);
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const number = this.#slots[slot] - 1;
      if (number < 0) return this.#add(slot, hash, bytes.subarray(start, end));
      if (this.#hashes[number] === hash && this.#isSame(number, bytes, start, end)) return number;
      slot = (slot + 1) & mask;
    }
  }

  #isSame(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[number];
    const length = end - start;
    if (this.#starts[number + 1] - from !== length) return false;
    for (let at = 0; at < length; at += 1) if (this.#pool[from + at] !== bytes[start + at]) return false;
    return true;
  }

  #add(slot: number, hash: number, text: Uint8Array): number {
    const number = this.#texts.length;
    if (number + 1 >= this.#hashes.length) {
      this.#hashes = grown(this.#hashes, 2 * this.#hashes.length);
      this.#starts = grown(this.#starts, 2 * this.#starts.length);
    }
    const from = this.#starts[number];
    if (from + text.length > this.#pool.length) {
      const pool = new Uint8Array(Math.max(2 * this.#pool.length, from + text.length));
      pool.set(this.#pool);
      this.#pool = pool;
    }
    this.#pool.set(text, from);
    this.#starts[number + 1] = from + text.length;
    this.#hashes[number] = hash;
    this.#texts.push(UTF8.decode(text));
    this.#slots[slot] = number + 1;
    if (2 * this.#texts.length > this.#slots.length) this.#rehash();
    return number;
  }

  #rehash(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#texts.length; number += 1) {
      const hash = this.#hashes[number];
      let slot = (hash ^ (hash >>> 15)) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

function grown(from: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const array = new Int32Array(length);
  array.set(from);
  return array;
}
