import type { Random } from "./random.ts";

/** How long to wait before the next attempt: exponential with full jitter, so that forty gateways do not come back at once. */
export interface Backoff {
  /** Uniform in [0, min(maxMs, firstMs · 2^attempt)); counts the attempt. */
  nextMs(): number;
  /** After a success. */
  reset(): void;
  /** Attempts since the last success. */
  readonly attemptCount: number;
}

export interface BackoffOptions {
  readonly random: Random;
  readonly firstMs: number;
  readonly maxMs: number;
}

/** 2^40 ms is longer than any `maxMs`, and doubles do not overflow. */
const DOUBLINGS_MAX = 40;

export function createBackoff({ random, firstMs, maxMs }: BackoffOptions): Backoff {
  let attemptCount = 0;
  return {
    nextMs() {
      const ceilingMs = Math.min(maxMs, firstMs * 2 ** Math.min(attemptCount, DOUBLINGS_MAX));
      attemptCount += 1;
      return random.next() * ceilingMs;
    },
    reset() {
      attemptCount = 0;
    },
    get attemptCount() {
      return attemptCount;
    },
  };
}
