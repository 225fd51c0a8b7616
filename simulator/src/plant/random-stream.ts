/**
 * A seeded stream of chance: sfc32 (Chris Doty-Humphrey, PractRand 0.94), seeded from a text by FNV-1a with murmur3's
 * finish. Each machine has a stream of its own, named by (seed, site, line, machine), so that any part of a plant can be
 * made again without the rest.
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

  /** Close to normal with mean 0 and deviation 1, within ±6: the sum of twelve uniforms, so the same bits on every machine. */
  normal(): number {
    let sum = -6;
    for (let draw = 0; draw < 12; draw++) sum += this.uniform();
    return sum;
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

function hash(text: string, basis: number): number {
  let state = basis;
  for (let index = 0; index < text.length; index++) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) | 0;
}
