/**
 * `applied_undurable`: it runs, and the disk has not taken it yet; a restart before it has finds what ran before, and the files.
 * `refused`: it is not valid, or asks for what cannot change while the agent runs; nothing was touched. `rolled_back`: it
 * could not be applied; what ran before runs again.
 */
export type ReloadOutcome = "applied" | "applied_undurable" | "unchanged" | "refused" | "rolled_back";

export interface ReloadReport {
  readonly outcome: ReloadOutcome;
  /** Of the pipeline that runs now. */
  readonly version: string;
  /** What was changed, or why nothing was: lines. */
  readonly detail: string;
}

/** What was asked for runs now. */
export function isTakenOver({ outcome }: Pick<ReloadReport, "outcome">): boolean {
  return outcome !== "refused" && outcome !== "rolled_back";
}
