import type { ByteReader } from "./byte-reader.ts";
import { type ByteWriter, zigzagBytes } from "./byte-writer.ts";

/*
 * A column of float64 values, exact to the bit; NaN and the infinities are values like others.
 *
 *   u8  code      0–6: every value is an integer divided by 10^code, as most sensors write them
 *                 255: float64, little-endian
 *   …   values    code 0–6: zigzag varints of the integers, each as the difference from the one before
 */
const DECIMALS_MAX = 6;
const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6];
const CODE_FLOAT = 255;
/** Keeps differences of two of them within a zigzag. */
const INTEGER_MAX = 2 ** 50;
/** Of a float64, and of the greatest zigzag. */
const FLOAT_BYTES = 8;

/** Writes `count` values: `values[at]`, `values[at + stride]`, … */
export function writeFloatColumn(
  writer: ByteWriter,
  values: Float64Array,
  at: number,
  stride: number,
  count: number,
): void {
  const decimals = decimalsOf(values, at, stride, count);
  if (decimals === undefined) {
    writer.byte(CODE_FLOAT);
    for (let row = 0, from = at; row < count; row += 1, from += stride) writer.float(values[from]);
    return;
  }
  writer.byte(decimals);
  const power = POWERS[decimals];
  let before = 0;
  for (let row = 0, from = at; row < count; row += 1, from += stride) {
    const integer = Math.round(values[from] * power);
    writer.zigzag(integer - before);
    before = integer;
  }
}

/** What any of the values but the first takes, at most, in whatever part of the column; the first takes 8. */
export function floatColumnRowBytes(values: Float64Array, at: number, stride: number, count: number): number {
  const decimals = decimalsOf(values, at, stride, count);
  if (decimals === undefined) return FLOAT_BYTES;
  const power = POWERS[decimals];
  let differenceMax = 0;
  for (let row = 1, from = at + stride; row < count; row += 1, from += stride) {
    const difference = Math.round(values[from] * power) - Math.round(values[from - stride] * power);
    differenceMax = Math.max(differenceMax, Math.abs(difference));
  }
  return zigzagBytes(differenceMax);
}

/** Reads what `writeFloatColumn` wrote, into the same places. Faults are the reader's. NaN is none: an unknown state. */
export function readFloatColumn(
  reader: ByteReader,
  values: Float64Array,
  at: number,
  stride: number,
  count: number,
): void {
  const code = reader.byte();
  if (code === CODE_FLOAT) return reader.floats(values, { at, stride, count });
  if (code > DECIMALS_MAX) return reader.fail("unknown column code");
  reader.sums(values, { at, stride, count }, INTEGER_MAX);
  const power = POWERS[code];
  // Adding 0 keeps a zero positive, whatever the arithmetic before made of it.
  if (power !== 1)
    for (let row = 0, to = at; row < count; row += 1, to += stride) values[to] = values[to] / power + 0;
}

/** The fewest decimals that hold every value exactly; undefined when none do. */
function decimalsOf(values: Float64Array, at: number, stride: number, count: number): number | undefined {
  let decimals = 0;
  for (let row = 0, from = at; row < count; row += 1, from += stride) {
    while (!isDecimal(values[from], decimals)) {
      decimals += 1;
      if (decimals > DECIMALS_MAX) return undefined;
    }
  }
  // A value that fits few decimals fits more of them, unless it is too great.
  for (let row = 0, from = at; row < count && decimals > 0; row += 1, from += stride) {
    if (!isDecimal(values[from], decimals)) return undefined;
  }
  return decimals;
}

function isDecimal(value: number, decimals: number): boolean {
  const integer = Math.round(value * POWERS[decimals]);
  return Math.abs(integer) <= INTEGER_MAX && Object.is(integer / POWERS[decimals] + 0, value);
}
