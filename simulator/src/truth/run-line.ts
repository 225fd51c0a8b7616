import type { Plan } from "../plan/plan.ts";
import type { TruthHeader } from "./truth-line.ts";

export interface RunTimes {
  readonly startMs: number;
  readonly plantStartMs: number;
  /** Null: records begin with it, if there are any. */
  readonly recordsStartMs: number | null;
}

/** What a run begins with. */
export function runLine(plan: Plan, { startMs, plantStartMs, recordsStartMs }: RunTimes): TruthHeader {
  const { seed, text, readingsPerSecond } = plan;
  return {
    type: "run",
    version: 1,
    seed,
    plantStart: plantStartMs,
    start: startMs,
    ...(recordsStartMs === null ? {} : { recordsStart: recordsStartMs }),
    readingsPerSecond,
    sites: plan.sites.map(({ site }) => site),
    rules: plan.rules.map(({ rule }) => rule),
    plan: text,
  };
}
