import type { Reading } from "./reading.ts";
import type { WindowSpec } from "./window-spec.ts";

export interface OracleWindow {
  readonly window: string;
  readonly group: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly readings: number;
  readonly values: Readonly<Record<string, number>>;
  readonly beside: { readonly uncertain: number; readonly bad: number };
  /** Of the good readings, ascending. */
  readonly sorted: readonly number[];
  /** Σ|x| and Σx² of the good readings: what tolerances are measured by. */
  readonly absoluteSum: number;
  readonly squareSum: number;
}

/**
 * What the windows of a finished input are: for each window and start, the plain formulas over the readings inside.
 * Slow, and shares no code with the engine.
 */
export function oracleWindows(
  readings: readonly Reading[],
  specs: readonly WindowSpec[],
): Map<string, OracleWindow> {
  const results = new Map<string, OracleWindow>();
  for (const spec of specs) {
    const own = readings.filter((reading) => reading.metric === spec.metric);
    const starts = new Set<number>();
    for (const { timeMs } of own) {
      let start = -100 * spec.slideMs;
      while (start + spec.sizeMs <= timeMs) start += spec.slideMs;
      for (; start <= timeMs; start += spec.slideMs) starts.add(start);
    }
    for (const startMs of starts) {
      const inside = own.filter(
        (reading) => startMs <= reading.timeMs && reading.timeMs < startMs + spec.sizeMs,
      );
      const groups = new Map<string, Reading[]>();
      for (const reading of inside) {
        const values = JSON.stringify(spec.by.map((name) => reading.labels[name] ?? ""));
        groups.set(values, [...(groups.get(values) ?? []), reading]);
      }
      for (const [text, members] of groups) {
        const labels: string[] = JSON.parse(text);
        const group = Object.fromEntries(spec.by.map((name, index) => [name, labels[index]]));
        results.set(oracleKey(spec.name, startMs, group), oracleWindow(spec.name, group, startMs, members));
      }
    }
  }
  return results;
}

export function oracleKey(window: string, startMs: number, group: Readonly<Record<string, string>>): string {
  return `${window} ${startMs} ${JSON.stringify(group)}`;
}

function oracleWindow(
  window: string,
  group: Record<string, string>,
  startMs: number,
  members: readonly Reading[],
): OracleWindow {
  const good = members.filter((reading) => reading.quality === "good");
  const values = good.map((reading) => reading.value);
  const n = good.length;
  const sum = values.reduce((a, b) => a + b, 0);
  const byTime = [...good].sort((a, b) => a.timeMs - b.timeMs);
  const atFirst = byTime.filter((reading) => reading.timeMs === byTime[0].timeMs);
  const atLast = byTime.filter((reading) => reading.timeMs === byTime.at(-1)!.timeMs);
  return {
    window,
    group,
    startMs,
    readings: members.length,
    values:
      n === 0
        ? { count: 0 }
        : {
            count: n,
            sum,
            min: Math.min(...values),
            max: Math.max(...values),
            mean: sum / n,
            stddev: Math.sqrt(values.map((value) => (value - sum / n) ** 2).reduce((a, b) => a + b, 0) / n),
            first: Math.min(...atFirst.map((reading) => reading.value)),
            last: Math.max(...atLast.map((reading) => reading.value)),
          },
    beside: {
      uncertain: members.filter((reading) => reading.quality === "uncertain").length,
      bad: members.filter((reading) => reading.quality === "bad").length,
    },
    sorted: values.toSorted((a, b) => a - b),
    absoluteSum: values.reduce((a, b) => a + Math.abs(b), 0),
    squareSum: values.reduce((a, b) => a + b * b, 0),
  };
}
