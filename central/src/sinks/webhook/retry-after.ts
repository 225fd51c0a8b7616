/** RFC 9110, 10.2.3: seconds, or a date. In ms from now; 0 where it says nothing that can be used. */
export function retryAfterMs(text: string | null, nowMs: number): number {
  if (text === null) return 0;
  const trimmed = text.trim();
  const ms = /^\d+$/.test(trimmed) ? Number(trimmed) * 1_000 : Date.parse(trimmed) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX) : 0;
}

/** More is not believed. */
export const RETRY_AFTER_MS_MAX = 3_600_000;
