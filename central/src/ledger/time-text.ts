/** What a `Date` holds. */
const DATE_MS_MAX = 8.64e15;

/** As it came, and so that a person sees the day: who sent local times for those of UTC finds them by it. */
export function timeText(timeMs: number): string {
  return Math.abs(timeMs) <= DATE_MS_MAX ? `${timeMs} (${new Date(timeMs).toISOString()})` : String(timeMs);
}
