import { existsSync } from "node:fs";
import { readTruth } from "./read-truth.ts";
import type { TruthAlarm, TruthReading } from "./truth-line.ts";

/** Where an earlier process left a truth file. */
export interface TruthRecovery {
  /** Where the plan's seconds count from; null after an orderly end: the plan begins anew. */
  readonly plantStartMs: number | null;
  readonly lastTimeMs: number;
  readonly readingCount: number;
  /** Readings that may never have reached the broker; they go out again, the same bytes. */
  readonly unacked: readonly { readonly number: number; readonly reading: TruthReading }[];
  readonly alarms: readonly TruthAlarm[];
}

/** Null for a new or empty file. Holds only what was not acknowledged, which is bounded by the plan's `waitingMax`. */
export async function recoverTruth(path: string): Promise<TruthRecovery | null> {
  if (!existsSync(path)) return null;
  let plantStartMs: number | null = null;
  let hasRun = false;
  let lastTimeMs = 0;
  let readingCount = 0;
  let unacked: { number: number; reading: TruthReading }[] = [];
  const alarms: TruthAlarm[] = [];
  for await (const line of readTruth(path)) {
    if (line.type === "run") {
      plantStartMs = line.plantStart;
      hasRun = true;
    } else if (line.type === "end") plantStartMs = null;
    else if (line.type === "reading") {
      unacked.push({ number: ++readingCount, reading: line });
      lastTimeMs = Math.max(lastTimeMs, line.time);
    } else if (line.type === "records-end") lastTimeMs = Math.max(lastTimeMs, line.time - 1);
    else if (line.type === "delivery" && (line.isLost === true || line.malformed !== undefined)) {
      // Lost, or spoilt, as the plan wanted it: it does not go out again.
      const gone = new Set(line.readings);
      unacked = unacked.filter((each) => !gone.has(each.number));
    } else if (line.type === "acked") unacked = unacked.filter((each) => each.number > line.through);
    else if (line.type === "alarm" || line.type === "cleared") alarms.push(line);
  }
  return !hasRun ? null : { plantStartMs, lastTimeMs, readingCount, unacked, alarms };
}
