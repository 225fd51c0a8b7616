import type { HistoryLevel } from "@millrace/stream";

export const YEAR_END_MS = 1_767_225_600_000;
const DAY_MS = 86_400_000;

/** A year of many series as it lies at each level after retention: fine buckets of the last hours and days, coarse ones of the year. */
export const KEPT_MS: Readonly<Record<HistoryLevel["name"], number>> = {
  "1s": 3_600_000,
  "10s": 6 * 3_600_000,
  "1m": 2 * DAY_MS,
  "1h": 365 * DAY_MS,
  "1d": 365 * DAY_MS,
};

export interface Bucket {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}

/** What is in a bucket of a series: noise that compresses as little as measurements do. */
export function bucketAt(series: number, startMs: number, bucketMs: number): Bucket {
  const count = bucketMs / 1_000;
  const noise = fraction(series * 7_919 + startMs / bucketMs);
  const middle = 20 + (series % 50) + 10 * Math.sin(startMs / 13_750_000) + noise;
  return { count, sum: middle * count, min: middle - 1 - noise, max: middle + 2 - noise };
}

export function machineOf(series: number): string {
  return `m${String(series).padStart(5, "0")}`;
}

function fraction(seed: number): number {
  let mixed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296;
}
