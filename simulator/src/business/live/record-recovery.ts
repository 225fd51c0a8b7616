import { existsSync } from "node:fs";
import { parsePlan } from "../../plan/load-plan.ts";
import { readTruth } from "../../truth/read-truth.ts";
import { MADE_RECORD_LINES } from "../truth/business-truth-line.ts";

/** Where an earlier process left a run of records. */
export interface RecordRecovery {
  readonly startMs: number;
  /** Lines of the truth that are made again. */
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
      if (line.recordsStart !== undefined) continue;
      const { seed, plan: planText, start: startMs } = line;
      const hasRecords = parsePlan(planText, `${path}, plan`, { seed }).business !== null;
      run = hasRecords ? { startMs } : null;
      [lineCount, ackedCount] = [0, 0];
    } else if (line.type === "records-end") run = null;
    else if (line.type === "records-acked") ackedCount = line.records;
    else if (MADE_RECORD_LINES.has(line.type)) lineCount += 1;
  }
  return run === null ? null : { ...run, lineCount, ackedCount };
}
