/**
 * `refused`: it is not valid, or asks for what cannot change while the agent runs; nothing was touched. `rolled_back`: it
 * could not be applied; what ran before runs again.
 */
export type ReloadOutcome = "applied" | "unchanged" | "refused" | "rolled_back";

export interface ReloadReport {
  readonly outcome: ReloadOutcome;
  /** Of the pipeline that runs now. */
  readonly version: string;
  /** What was changed, or why nothing was: lines. */
  readonly detail: string;
}
