/** Between these times, both included, on central's clock. */
export interface ChangedRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Whether what changed then lies in one of them. */
export function isChangedIn(ranges: readonly ChangedRange[], changedAtMs: number): boolean {
  return ranges.some(({ fromMs, toMs }) => changedAtMs >= fromMs && changedAtMs <= toMs);
}
