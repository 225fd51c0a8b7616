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

/** The angle of (x, y) in turns from the x axis, 0 up to 1; (0, 0) is at 0. */
export function turnsOf(x: number, y: number): number {
  const [ax, ay] = [x < 0 ? -x : x, y < 0 ? -y : y];
  if (ax === 0 && ay === 0) return 0;
  const eighth = arcTangent(ax < ay ? ax / ay : ay / ax) / (2 * Math.PI);
  const quarter = ax < ay ? 0.25 - eighth : eighth;
  const half = x < 0 ? 0.5 - quarter : quarter;
  return y < 0 ? (half === 0 ? 0 : 1 - half) : half;
}

/** For 0 ≤ x ≤ 1: halved twice, then its series. */
function arcTangent(x: number): number {
  const half = x / (1 + Math.sqrt(1 + x * x));
  const quarter = half / (1 + Math.sqrt(1 + half * half));
  const square = quarter * quarter;
  let sum = 0;
  for (let odd = 23; odd >= 1; odd -= 2) sum = 1 / odd - sum * square;
  return 4 * quarter * sum;
}
