import { systemClock } from "@millrace/runtime";
import { RecordFiles } from "../business/record-files.ts";
import type { Plan } from "../plan/plan.ts";
import { ProgressReport } from "../progress/progress-report.ts";
import type { RunProgress } from "../progress/run-progress.ts";
import { RecordedWorld } from "../recorded-world.ts";
import type { TruthLog } from "../truth/truth-log.ts";
import { statusLineOf } from "./status-line-of.ts";

const NOBODY_IS_ASKED = { acked: null, lost: 0, waiting: 0, onTheWay: 0, lagMs: 0, connected: null } as const;

export interface OfflineOptions {
  readonly plan: Plan;
  readonly truth: TruthLog;
  readonly startMs: number;
  readonly forMs: number;
  /** Folder of the records; null: nobody wants them. */
  readonly into: string | null;
  readonly write: (text: string) => void;
}

/** Steps in one go, so that a signal is heard in between and somebody is told how far it is. */
const STEPS_IN_ONE_GO = 5_000;

/** Makes all of it at full speed, and publishes nothing; how much that was, of records those that were written. */
export async function generateOffline(
  options: OfflineOptions,
): Promise<{ readonly readings: number; readonly records: number }> {
  const { plan, truth, startMs, forMs, into, write } = options;
  const files = into === null ? null : new RecordFiles(into, { hasKeys: plan.business?.debezium != null });
  const world = new RecordedWorld({
    plan,
    startMs,
    recovery: null,
    record: (line) => truth.append(line),
    hasRecords: files !== null,
  });
  files?.writeHistory(world.history());
  let recordCount = 0;
  const report = new ProgressReport({
    runs: [
      {
        get progress(): RunProgress {
          return {
            ...NOBODY_IS_ASKED,
            makes: plan.sites.length > 0 ? "readings" : "records",
            generated: plan.sites.length > 0 ? world.plant.readingCount : recordCount,
            remainingMs: Math.max(0, startMs + forMs - world.nextTimeMs),
          };
        },
      },
    ],
    clock: systemClock,
    write,
    status: statusLineOf(process.stdout),
  });
  report.start();
  try {
    for (let steps = 1; world.nextTimeMs < startMs + forMs; steps += 1) {
      const records = world.step();
      recordCount += records.length;
      files?.write(records);
      if (steps % STEPS_IN_ONE_GO === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    report.stop();
  }
  world.plant.rest();
  world.finish();
  files?.close();
  truth.close();
  return { readings: world.plant.readingCount, records: recordCount };
}
