const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** `250ms`, `10s`, `1.5m`, `24h`, `7d` in ms; undefined when it is no duration, or not whole ms. A bare number has no unit and is none. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text.trim());
  const unitMs = UNIT_MS.get(match?.[2] ?? "");
  if (match === null || unitMs === undefined) return undefined;
  const ms = Number(match[1]) * unitMs;
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest text with one unit: 90000 → `90s`, 60000 → `1m`. */
export function formatDuration(ms: number): string {
  for (const [unit, unitMs] of [...UNIT_MS].reverse()) {
    if (ms !== 0 && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  return ms === 0 ? "0s" : `${ms}ms`;
}
