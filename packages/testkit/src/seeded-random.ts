import type { Random } from "@millrace/runtime";

/**
 * Chance that repeats: sfc32 (Chris Doty-Humphrey's small fast counting generator, PractRand-clean), seeded from a
 * 32-bit number and a name, so that each part of a simulation draws from a stream of its own.
 */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, name = "") {
    this.#a = seed >>> 0;
    this.#b = hash(name, 0x9e3779b9);
    this.#c = hash(name, 0x243f6a88) ^ (seed >>> 0);
    for (let round = 0; round < 12; round += 1) this.#draw();
  }

  next(): number {
    return this.#draw() / 4_294_967_296;
  }

  hex(count: number): string {
    let text = "";
    for (let index = 0; index < count; index += 1)
      text += (this.#draw() & 0xff).toString(16).padStart(2, "0");
    return text;
  }

  /** Uniform integer in [from, to]. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  #draw(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }
}

/** FNV-1a. */
function hash(text: string, basis: number): number {
  let value = basis;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}
