/**
 * Where a run begins that was given no start: now, or, where it is quicker than the clock, so far back that it ends at
 * now. Undefined: without an end nobody can say.
 */
export function defaultStartMs(
  nowMs: number,
  speed: number | null,
  forMs: number | null,
): number | undefined {
  if (speed === null || speed <= 1) return nowMs;
  return forMs === null ? undefined : Math.floor(nowMs - forMs * (1 - 1 / speed));
}
