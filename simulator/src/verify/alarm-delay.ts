/** From a reading's or a record's own time to central's clock when it had the alarm. */
export interface AlarmDelay {
  readonly p50Ms: number;
  readonly maxMs: number;
}

/** Null: of none. */
export function alarmDelay(delaysMs: readonly number[]): AlarmDelay | null {
  const ordered = delaysMs.toSorted((one, other) => one - other);
  const maxMs = ordered.at(-1);
  return maxMs === undefined ? null : { p50Ms: ordered[Math.floor((ordered.length - 1) / 2)], maxMs };
}
