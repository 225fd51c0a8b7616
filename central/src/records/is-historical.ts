export const HISTORICAL_AFTER_MS = 3_600_000;

/** An alarm of records older than this by central's clock is for the record: a backlog that is read notifies nobody of its past. */
export function isHistorical(timeMs: number, nowMs: number): boolean {
  return timeMs < nowMs - HISTORICAL_AFTER_MS;
}
