/** 2^12 registers: a standard error of 1.04/sqrt(4096) = 1.6 %. */
const INDEX_BITS = 12;
export const REGISTERS = 2 ** INDEX_BITS;
/** Bits of a hash behind the index; a register is at most one more. */
const RANK_BITS = 64 - INDEX_BITS;
export const REGISTER_MAX = RANK_BITS + 1;

/** Tells HyperLogLog's registers of a hash (Flajolet et al. 2007): the first bits say which, it keeps the most zeros that followed, plus 1. */
export function tellRegisters(registers: Uint8Array, high: number, low: number): void {
  const index = high >>> (32 - INDEX_BITS);
  const behind = high << INDEX_BITS;
  const rank = 1 + (behind === 0 ? 32 - INDEX_BITS + Math.clz32(low) : Math.clz32(behind));
  if (rank > registers[index]) registers[index] = rank;
}

/**
 * How many different hashes the registers were told of: Ertl's improved raw estimator ("New cardinality estimation algorithms
 * for HyperLogLog sketches", 2017, algorithm 6), unbiased over the whole range without a table. Infinity when all are full.
 */
export function estimateOf(registers: Uint8Array): number {
  const withValue = new Float64Array(REGISTER_MAX + 1);
  for (const register of registers) withValue[register]++;
  let z = REGISTERS * tau(1 - withValue[REGISTER_MAX] / REGISTERS);
  for (let value = RANK_BITS; value > 0; value--) z = 0.5 * (z + withValue[value]);
  z += REGISTERS * sigma(withValue[0] / REGISTERS);
  return (REGISTERS / (2 * Math.LN2)) * (REGISTERS / z);
}

function sigma(share: number): number {
  if (share === 1) return Infinity;
  let x = share;
  let y = 1;
  let z = x;
  for (let before = -1; z !== before;) {
    before = z;
    x *= x;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let x = share;
  let y = 1;
  let z = 1 - x;
  for (let before = -1; z !== before;) {
    before = z;
    x = Math.sqrt(x);
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
