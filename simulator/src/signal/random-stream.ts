import { normalQuantile } from "./normal-quantile.ts";

/**
 * A seeded stream of chance: sfc32 (Chris Doty-Humphrey, PractRand 0.94), 128 bits of state, seeded from a text by FNV-1a
 * with murmur3's finish; integers only. Each signal of each machine has a stream of its own, named by `streamName`, so
 * that any of them can be made again without the rest and another machine changes none.
 */
export class RandomStream {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(name: string) {
    this.#a = hash(name, 0x811c9dc5);
    this.#b = hash(name, 0x01234567);
    this.#c = hash(name, 0x89abcdef);
    for (let round = 0; round < 15; round++) this.#next32();
  }

  /** Uniform in [0, 1), 32 bits. */
  uniform(): number {
    return this.#next32() / 0x1_0000_0000;
  }

  /** Standard normal, within ±6.3. One draw, as `uniform` is. */
  normal(): number {
    return normalQuantile((this.#next32() + 0.5) / 0x1_0000_0000);
  }

  #next32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** What a stream is named by: the plan's seed, and where in the plant it is used. */
export function streamName(seed: number, ...place: readonly (string | number)[]): string {
  return [seed, ...place].join("/");
}

function hash(text: string, basis: number): number {
  let state = basis;
  for (let index = 0; index < text.length; index++) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) | 0;
}
