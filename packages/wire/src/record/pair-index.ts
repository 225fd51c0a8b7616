const SLOTS_FIRST = 64;

/** Small dense numbers for pairs of such numbers. */
export class PairIndex {
  /** Number + 1 by slot; 0 is free. */
  #slots = new Int32Array(SLOTS_FIRST);
  readonly #firsts: number[] = [];
  readonly #seconds: number[] = [];

  get size(): number {
    return this.#firsts.length;
  }

  firstOf(number: number): number {
    return this.#firsts[number];
  }

  secondOf(number: number): number {
    return this.#seconds[number];
  }

  numberOf(first: number, second: number): number {
    const mask = this.#slots.length - 1;
    let slot = slotOf(first, second, mask);
    for (;;) {
      const number = this.#slots[slot] - 1;
      if (number < 0) break;
      if (this.#firsts[number] === first && this.#seconds[number] === second) return number;
      slot = (slot + 1) & mask;
    }
    this.#firsts.push(first);
    this.#seconds.push(second);
    this.#slots[slot] = this.#firsts.length;
    if (2 * this.#firsts.length > this.#slots.length) this.#rehash();
    return this.#firsts.length - 1;
  }

  #rehash(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#firsts.length; number += 1) {
      let slot = slotOf(this.#firsts[number], this.#seconds[number], mask);
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

function slotOf(first: number, second: number, mask: number): number {
  const hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
  return (hash ^ (hash >>> 15)) & mask;
}
