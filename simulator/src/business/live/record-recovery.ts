import { existsSync } from "node:fs";
import { readTruth } from "../../truth/read-truth.ts";

/** Where an earlier process left a run of records. */
export interface RecordRecovery {
  readonly seed: number;
  readonly planText: string;
  readonly startMs: number;
  /** Lines of the truth that are made again, the run's header with them. */
  readonly lineCount: number;
  /** The receiver holds so many; of those behind them nobody knows. */
  readonly ackedCount: number;
}

/** Null for a new file, and after a run that came to its end. */
export async function recoverRecords(path: string): Promise<RecordRecovery | null> {
  if (!existsSync(path)) return null;
  let run: Omit<RecordRecovery, "lineCount" | "ackedCount"> | null = null;
  let [lineCount, ackedCount] = [0, 0];
  for await (const line of readTruth(path)) {
    if (line.type === "run") {
      run = { seed: line.seed, planText: line.plan, startMs: line.start };
      [lineCount, ackedCount] = [1, 0];
    } else if (line.type === "records-end") run = null;
    else if (line.type === "records-acked") ackedCount = line.records;
    else if (line.type !== "records-unacked") lineCount += 1;
  }
  return run === null ? null : { ...run, lineCount, ackedCount };
}
