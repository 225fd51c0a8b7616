import { hasOnlyOwn } from "./others-windows.ts";
import type { Verdict } from "./verify-truth.ts";

/** In words whom central still waits for, where what differs may be right once they have come; null: it is right, or wrong for good. */
export function notYet(verdict: Verdict): string | null {
  const { isRight, awaited, readings, records } = verdict;
  if (isRight || hasTooMuch(verdict)) return null;
  if (awaited.length > 0)
    return awaited
      .map(({ agent, site, why }) => `${agent === null ? `site ${site}` : `agent ${agent}`}: ${why}`)
      .join("; ");
  const isRunning = (readings.generated > 0 && !readings.hasEnded) || records?.hasEnded === false;
  const windows = [...verdict.windows, ...(records?.windows ?? [])];
  return isRunning && windows.every(({ expected }) => expected === 0)
    ? "the run has not ended, and nothing of it can be judged before"
    : null;
}

/** Nothing that comes later mends that. */
function hasTooMuch({ windows, alarms, windowRules, ledger, others, records }: Verdict): boolean {
  return (
    !hasOnlyOwn(others) ||
    alarms.wrong > 0 ||
    [...windows, ...(records?.windows ?? [])].some(({ extra }) => extra > 0) ||
    [...windowRules.verdicts, ...(records?.ruleAlarms ?? []), ...(records?.alarms ?? [])].some(
      ({ wrong }) => wrong > 0,
    ) ||
    [...ledger, ...(records?.ledger ?? [])].some(({ found, max }) => found > max) ||
    (records?.faults.length ?? 0) > 0
  );
}
