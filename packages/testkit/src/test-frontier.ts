import type { Frontier } from "@millrace/stream";

/** The first of an agent that has read nothing and waits for nothing, but for what is said of it. */
export function testFrontier(changes: Partial<Frontier> = {}): Frontier {
  return {
    epoch: 1,
    number: 1,
    watermarkMs: null,
    isIdle: false,
    isClockSynchronised: true,
    pending: [],
    holds: { alarm: 0, live: 0, backfill: 0 },
    ...changes,
  };
}
