/** The greatest that a register can be: 1 more than the bits of a hash behind its index. Registers are 2^indexBits. */
export function registerMax(indexBits: number): number {
  return 64 - indexBits + 1;
}

/** The standard error of an estimate, as a share of it (Flajolet et al. 2007). */
export function standardError(indexBits: number): number {
  return 1.04 / Math.sqrt(2 ** indexBits);
}

/** Tells HyperLogLog's registers of a hash (Flajolet et al. 2007): the first bits say which, it keeps the most zeros that followed, plus 1. */
export function tellRegisters(registers: Uint8Array, indexBits: number, high: number, low: number): void {
  const index = high >>> (32 - indexBits);
  const behind = high << indexBits;
  const rank = 1 + (behind === 0 ? 32 - indexBits + Math.clz32(low) : Math.clz32(behind));
  if (rank > registers[index]) registers[index] = rank;
}

/**
 * How many different hashes the registers were told of: Ertl's improved raw estimator ("New cardinality estimation algorithms
 * for HyperLogLog sketches", 2017, algorithm 6), unbiased over the whole range without a table. Infinity when all are full.
 */
export function estimateOf(registers: Uint8Array, indexBits: number): number {
  const [count, max] = [registers.length, registerMax(indexBits)];
  const withValue = new Float64Array(max + 1);
  for (const register of registers) withValue[register]++;
  let z = count * tau(1 - withValue[max] / count);
  for (let value = max - 1; value > 0; value--) z = 0.5 * (z + withValue[value]);
  z += count * sigma(withValue[0] / count);
  return (count / (2 * Math.LN2)) * (count / z);
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
