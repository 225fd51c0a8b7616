import type { TimeUnit } from "@millrace/wire";
import { isoTime } from "./iso-time.ts";

/** A reading's time that the clock guard refused, for a person: when it is, how far away, and what may be wrong with it. */
export function refusedTime(timeMs: number, nowMs: number, unit: TimeUnit | null): string {
  const distance = `${span(Math.abs(timeMs - nowMs))} ${timeMs > nowMs ? "ahead of" : "behind"} the agent's clock`;
  return `time ${isoTime(timeMs)}, ${distance}${unitHint(timeMs, nowMs, unit)}`;
}

const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ["s", 1_000],
  ["ms", 1],
  ["us", 1e-3],
  ["ns", 1e-6],
]);
const UNIT_NAMES: ReadonlyMap<string, string> = new Map([
  ["s", "seconds"],
  ["ms", "milliseconds"],
  ["us", "microseconds"],
  ["ns", "nanoseconds"],
]);
const YEAR_MS = 365.25 * 86_400_000;

/** Another unit is meant where the same number in it is within a year of now. */
function unitHint(timeMs: number, nowMs: number, unit: TimeUnit | null): string {
  const unitMs = MS_PER_UNIT.get(unit ?? "");
  if (unitMs === undefined || Math.abs(timeMs - nowMs) < YEAR_MS) return "";
  for (const [other, otherMs] of MS_PER_UNIT) {
    if (Math.abs((timeMs / unitMs) * otherMs - nowMs) < YEAR_MS)
      return `; looks like ${UNIT_NAMES.get(other)}; unit is ${unit}`;
  }
  return "";
}

const SPANS: readonly (readonly [name: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
];

function span(ms: number): string {
  for (const [name, unitMs] of SPANS) if (ms >= 2 * unitMs) return `${Math.round(ms / unitMs)} ${name}`;
  return `${(ms / 1_000).toFixed(1)} s`;
}
