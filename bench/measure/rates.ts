import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { median } from "./statistics.ts";

setFlagsFromString("--expose-gc");
/** The young generation only: a full collection would throw compiled code away as well. */
const collectGarbage: (options: { readonly type: "minor" }) => void = runInNewContext("gc");

export interface RateOptions {
  readonly warmupRounds: number;
  readonly rounds: number;
}

/** Median over the rounds, and how far they lie apart: (max − min) / median. */
export interface Rate {
  /** Units per second of processor time, garbage collection included: other programs' work does not count. */
  readonly perSecond: number;
  readonly spread: number;
}

/**
 * Measures pieces of work that do the same amount: in turns, round by round, so that what else the machine does at the
 * time meets all of them alike. Each returns how many units it did, and a check sum that keeps its work from being
 * optimised away.
 */
export function measureRates<Name extends string>(
  work: Readonly<Record<Name, () => { readonly units: number; readonly checkSum: number }>>,
  { warmupRounds, rounds }: RateOptions,
): Record<Name, Rate> {
  const names = Object.keys(work).filter((name): name is Name => name in work);
  const rates = new Map<Name, number[]>(names.map((name) => [name, []]));
  let checkSum = 0;
  for (let round = -warmupRounds; round < rounds; round += 1) {
    for (const name of names) {
      // Each pays for its own garbage only.
      collectGarbage({ type: "minor" });
      const before = process.cpuUsage();
      const done = work[name]();
      const used = process.cpuUsage(before);
      const seconds = (used.user + used.system) / 1e6;
      checkSum += done.checkSum;
      if (round >= 0) rates.get(name)?.push(done.units / seconds);
    }
  }
  if (!Number.isFinite(checkSum)) throw new Error("invariant: the measured work gives finite check sums");
  const result: Partial<Record<Name, Rate>> = {};
  for (const [name, measured] of rates) {
    const perSecond = median(measured);
    result[name] = { perSecond, spread: (Math.max(...measured) - Math.min(...measured)) / perSecond };
  }
  return result as Record<Name, Rate>;
}
