const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const;

/** As a person would say it: 350 ms, 42 s, 3 min 20 s, 2 h 5 min. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const at = UNITS.findIndex(([, length]) => seconds >= length);
  const [unit, length] = UNITS[at];
  const [nextUnit, nextLength] = UNITS[at + 1] ?? ["s", 1];
  const rest = Math.floor((seconds % length) / nextLength);
  return `${Math.floor(seconds / length)} ${unit}${rest === 0 ? "" : ` ${rest} ${nextUnit}`}`;
}
