/**
 * exp, log and sine from + − × ÷ and the bits of floats alone, which ECMAScript fixes to the last bit. `Math.exp` and its
 * like are left to the engine: V8 has changed its ports of fdlibm and may be compiled with fused multiplications on one
 * processor and without on another. What the simulator promises byte for byte uses these. Relative errors are below
 * 1e-14. `Math.sqrt` is used beside them: every processor that Node runs on rounds it correctly (IEEE 754).
 */
const double = new Float64Array(1);
/** Little-endian on every platform of Node: [low, high]. */
const words = new Uint32Array(double.buffer);

/** e^x for |x| < 700; beyond, 0 or Infinity. */
export function portableExp(x: number): number {
  if (x < -700) return 0;
  if (x > 700) return Infinity;
  const power = Math.round(x / Math.LN2);
  const rest = x - power * Math.LN2;
  let sum = 1;
  for (let term = 14; term >= 1; term -= 1) sum = 1 + (sum * rest) / term;
  words[0] = 0;
  words[1] = (power + 1_023) << 20;
  return sum * double[0];
}

/** The natural logarithm of a normal x > 0. */
export function portableLog(x: number): number {
  double[0] = x;
  let power = (words[1] >>> 20) - 1_023;
  words[1] = (words[1] & 0xfffff) | (1_023 << 20);
  let mantissa = double[0];
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    power += 1;
  }
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let sum = 0;
  for (let odd = 23; odd >= 1; odd -= 2) sum = 1 / odd + sum * square;
  return power * Math.LN2 + 2 * ratio * sum;
}

/** sin(2π · turns). */
export function sineOfTurns(turns: number): number {
  let turn = turns - Math.floor(turns + 0.5); // −½ … ½
  if (turn > 0.25) turn = 0.5 - turn;
  else if (turn < -0.25) turn = -0.5 - turn;
  const angle = 2 * Math.PI * turn;
  const square = angle * angle;
  let sum = 1;
  for (let term = 22; term >= 2; term -= 2) sum = 1 - (sum * square) / (term * (term + 1));
  return angle * sum;
}
