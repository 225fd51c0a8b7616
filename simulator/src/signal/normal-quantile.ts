import { portableLog } from "./portable-math.ts";

/**
 * The value below which a standard normal lies with probability `p`, 0 < p < 1, to seven digits: M. J. Wichura,
 * Algorithm AS 241 (PPND7), Applied Statistics 37 (1988).
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const r = 0.180625 - q * q;
    return (
      (q * (((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)) /
      (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1)
    );
  }
  const r = Math.sqrt(-portableLog(q < 0 ? p : 1 - p));
  const s = r <= 5 ? r - 1.6 : r - 5;
  const value =
    r <= 5
      ? (((0.17023821103 * s + 1.3067284816) * s + 2.75681539) * s + 1.4234372777) /
        ((0.12021132975 * s + 0.7370016425) * s + 1)
      : (((0.017337203997 * s + 0.42868294337) * s + 3.081226386) * s + 6.657905115) /
        ((0.012258202635 * s + 0.24197894225) * s + 1);
  return q < 0 ? -value : value;
}
