/**
 * Whom each account pays as a rule: a function of seed and account, so that a million circles need no memory. Accounts
 * are numbered from 1.
 */
export class Circles {
  readonly #seed: number;
  readonly #accounts: number;
  readonly #min: number;
  readonly #max: number;

  /** `size`: least and greatest number of payees; the greatest is less than there are accounts. */
  constructor(seed: number, accounts: number, size: readonly [number, number]) {
    this.#seed = seed;
    this.#accounts = accounts;
    [this.#min, this.#max] = size;
  }

  sizeOf(account: number): number {
    return this.#min + Math.floor(mixed(this.#seed, account, 0) * (this.#max - this.#min + 1));
  }

  /** Without repetition, and not itself. */
  of(account: number): number[] {
    const payees: number[] = [];
    const size = this.sizeOf(account);
    for (let turn = 1; payees.length < size; turn += 1) {
      const payee = 1 + Math.floor(mixed(this.#seed, account, turn) * this.#accounts);
      if (payee !== account && !payees.includes(payee)) payees.push(payee);
    }
    return payees;
  }

  knows(account: number, payee: number): boolean {
    return this.of(account).includes(payee);
  }
}

/** Uniform in [0, 1): murmur3's mixing of three integers. */
function mixed(seed: number, account: number, turn: number): number {
  let state = round(round(round(0x9747b28c, seed), account), turn);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return ((state ^ (state >>> 16)) >>> 0) / 0x1_0000_0000;
}

function round(state: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mix = state ^ k;
  return (Math.imul((mix << 13) | (mix >>> 19), 5) + 0xe6546b64) | 0;
}
