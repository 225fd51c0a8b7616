const TIME_OF_DAY = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?$/;

/**
 * A moment of a case, ms since the epoch: `10:00:30.250` on the case's date, an ISO time, or the number itself.
 * Undefined where it is none of them.
 */
export function momentMs(moment: string | number, dateMs: number): number | undefined {
  if (typeof moment === "number") return Number.isFinite(moment) ? moment : undefined;
  const match = TIME_OF_DAY.exec(moment);
  if (match === null) {
    const ms = /^[+-]?\d{4,6}-\d\d-\d\d/.test(moment) ? Date.parse(moment) : Number.NaN;
    return Number.isNaN(ms) ? undefined : ms;
  }
  const [, hours, minutes, seconds = "0", fraction = ""] = match;
  return (
    dateMs +
    (Number(hours) * 60 + Number(minutes)) * 60_000 +
    Number(seconds) * 1_000 +
    Number(fraction.padEnd(3, "0"))
  );
}

/** As a reader of the cases wants to see it. */
export function shownMoment(ms: number, dateMs: number): string {
  const sinceMs = ms - dateMs;
  if (sinceMs < 0 || sinceMs >= 86_400_000) return `${ms} (${isoOr(ms)})`;
  return isoOr(ms).slice(-13, -1);
}

function isoOr(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : "beyond dates";
}
