import type { SketchInput } from "../sketch.ts";

const NUMBER_SEED = 1;
const TEXT_SEED = 2;
const UNITS_PER_BLOCK = 8;

const view = new DataView(new ArrayBuffer(8));

/**
 * 64 bits of an input, as two halves: the first two words of MurmurHash3_x86_128 (Appleby) over a number's float64 or a text's
 * UTF-16 units, little-endian, each with a seed of its own, so that 1 and "1" differ. -0 is 0. Hashes are kept on disk: the
 * function must never change.
 */
export class InputHash {
  high = 0;
  low = 0;
  #h3 = 0;
  #h4 = 0;

  take(input: SketchInput): void {
    if (typeof input === "number") {
      this.#begin(NUMBER_SEED);
      view.setFloat64(0, input + 0, true);
      this.#tail(view.getInt32(0, true), view.getInt32(4, true), 0, 0);
      this.#finish(8);
    } else {
      this.#begin(TEXT_SEED);
      const blocksEnd = input.length - (input.length % UNITS_PER_BLOCK);
      for (let at = 0; at < blocksEnd; at += UNITS_PER_BLOCK)
        this.#block(units(input, at), units(input, at + 2), units(input, at + 4), units(input, at + 6));
      if (blocksEnd < input.length)
        this.#tail(
          units(input, blocksEnd),
          units(input, blocksEnd + 2),
          units(input, blocksEnd + 4),
          units(input, blocksEnd + 6),
        );
      this.#finish(2 * input.length);
    }
  }

  #begin(seed: number): void {
    this.high = seed;
    this.low = seed;
    this.#h3 = seed;
    this.#h4 = seed;
  }

  #block(k1: number, k2: number, k3: number, k4: number): void {
    let h1 = this.high;
    let h2 = this.low;
    let h3 = this.#h3;
    let h4 = this.#h4;
    h1 = (Math.imul((rotated(h1 ^ mixed1(k1), 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 = (Math.imul((rotated(h2 ^ mixed2(k2), 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 = (Math.imul((rotated(h3 ^ mixed3(k3), 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 = (Math.imul((rotated(h4 ^ mixed4(k4), 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
    this.high = h1;
    this.low = h2;
    this.#h3 = h3;
    this.#h4 = h4;
  }

  /** What is left of a block, filled up with zeros: a word of 0 changes nothing. */
  #tail(k1: number, k2: number, k3: number, k4: number): void {
    this.high ^= mixed1(k1);
    this.low ^= mixed2(k2);
    this.#h3 ^= mixed3(k3);
    this.#h4 ^= mixed4(k4);
  }

  #finish(byteCount: number): void {
    let h1 = this.high ^ byteCount;
    let h2 = this.low ^ byteCount;
    let h3 = this.#h3 ^ byteCount;
    let h4 = this.#h4 ^ byteCount;
    h1 = (h1 + h2 + h3 + h4) | 0;
    h2 = final((h2 + h1) | 0);
    h3 = final((h3 + h1) | 0);
    h4 = final((h4 + h1) | 0);
    h1 = (final(h1) + h2 + h3 + h4) | 0;
    this.high = h1 >>> 0;
    this.low = (h2 + h1) >>> 0;
  }
}

/** Two UTF-16 units as a word; past the end, 0. */
function units(text: string, at: number): number {
  // charCodeAt is NaN there, which `|` takes as 0.
  return text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function mixed1(k: number): number {
  return Math.imul(rotated(Math.imul(k, 0x239b961b), 15), 0xab0e9789);
}

function mixed2(k: number): number {
  return Math.imul(rotated(Math.imul(k, 0xab0e9789), 16), 0x38b34ae5);
}

function mixed3(k: number): number {
  return Math.imul(rotated(Math.imul(k, 0x38b34ae5), 17), 0xa1e38b93);
}

function mixed4(k: number): number {
  return Math.imul(rotated(Math.imul(k, 0xa1e38b93), 18), 0x239b961b);
}

function final(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
