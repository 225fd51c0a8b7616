import type { SimulatedReading } from "./plant.ts";

/** What a window of the truth holds. */
export interface TrueWindow {
  readonly site: string;
  readonly startMs: number;
  count: number;
  sum: number;
  sumOfMagnitudes: number;
  min: number;
  max: number;
}

/** Tumbling windows by site, the plain way: no panes, no merging, no code of the engine. */
export function trueWindows(readings: readonly SimulatedReading[], sizeMs: number): Map<string, TrueWindow> {
  const windows = new Map<string, TrueWindow>();
  for (const { site, timeMs, value } of readings) {
    const startMs = Math.floor(timeMs / sizeMs) * sizeMs;
    const key = `${site} ${startMs}`;
    const window = windows.get(key);
    if (window === undefined) {
      windows.set(key, {
        site,
        startMs,
        count: 1,
        sum: value,
        sumOfMagnitudes: Math.abs(value),
        min: value,
        max: value,
      });
      continue;
    }
    window.count += 1;
    window.sum += value;
    window.sumOfMagnitudes += Math.abs(value);
    window.min = Math.min(window.min, value);
    window.max = Math.max(window.max, value);
  }
  return windows;
}

/** What is wrong between the truth and the last revisions, in words; empty when they are equal. */
export function differences(
  truth: ReadonlyMap<string, TrueWindow>,
  shown: readonly {
    readonly group: Readonly<Record<string, string>>;
    readonly startMs: number;
    readonly values: Readonly<Record<string, number>>;
  }[],
): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const { group, startMs, values } of shown) {
    const key = `${group["site"]} ${startMs}`;
    seen.add(key);
    const window = truth.get(key);
    if (window === undefined) {
      found.push(`window ${key} is not in the truth`);
      continue;
    }
    for (const name of ["count", "min", "max"] as const) {
      if (values[name] !== window[name])
        found.push(`window ${key}: ${name} ${values[name]}, truth ${window[name]}`);
    }
    if (Math.abs((values["sum"] ?? 0) - window.sum) > 1e-12 * window.sumOfMagnitudes) {
      found.push(`window ${key}: sum ${values["sum"]}, truth ${window.sum}`);
    }
  }
  for (const key of truth.keys()) if (!seen.has(key)) found.push(`window ${key} is missing`);
  return found;
}
