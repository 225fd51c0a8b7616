/** When a reading got to the agent, as far as the truth can say; by the simulator's clock, ms. */
export interface Arrival {
  readonly earliestMs: number;
  readonly latestMs: number;
  /** Nobody knows whether it did. */
  readonly isUnsure: boolean;
}

/** Whether a window that takes readings until `limitMs` has it. */
export type ArrivalVerdict = "in" | "late" | "unsure";

/** From the agent to central's windows: batches, links, a busy machine. */
const ON_THE_WAY_MS_MAX = 10_000;
/** Central gives up a window no sooner than its limit, and at the next look. */
const GIVING_UP_MS_MAX = 3_000;

export function judgeArrival({ earliestMs, latestMs, isUnsure }: Arrival, limitMs: number): ArrivalVerdict {
  if (earliestMs > limitMs + GIVING_UP_MS_MAX) return "late";
  return isUnsure || latestMs + ON_THE_WAY_MS_MAX > limitMs ? "unsure" : "in";
}
