import { shownMoment } from "./case-moment.ts";
import type { FullWindow } from "./count-engine.ts";
import type { ConformanceCase } from "./load-cases.ts";
import { batchCountWindows } from "./oracle/batch-count-windows.ts";
import { differenceFrom } from "./oracle/difference.ts";
import type { ShownFullWindow } from "./play-case.ts";
import { seenDifferences } from "./seen-differences.ts";

/** Fates of readings that an agent does not take in. What is lost or too late later on has counted where it arrived. */
const NOT_TAKEN = new Set(["duplicate", "future", "before_floor", "refused"]);

/** Count windows: exactly those that the case says, in that order, and each as the oracle has it. */
export function fullWindowProblems(
  { full: expected, readings, countWindows, metrics, dateMs }: ConformanceCase,
  full: readonly ShownFullWindow[],
): string[] {
  const at = (ms: number) => shownMoment(ms, dateMs);
  const line = ({ window, number, agent, labels, firstMs, lastMs }: Place) =>
    `${window} ${number} of ${agent} ${shownLabels(labels)}, ${at(firstMs)} to ${at(lastMs)}`;
  const problems = expected.flatMap((window, index) => {
    const shown = full.at(index);
    const was = `${line(window)}, at ${at(window.atMs)}`;
    if (shown === undefined) return [`${window.place}: never full: ${was}`];
    const is = `${line(shown)}, at ${at(shown.shownAtMs)}`;
    const found = is === was ? [] : [`${is}, expected ${was}`];
    return [...found, ...seenDifferences(window, shown)].map((problem) => `${window.place}: ${problem}`);
  });
  for (const shown of full.slice(expected.length)) problems.push(`${line(shown)}: not in the case`);

  const taken = readings
    .filter(({ fate }) => !NOT_TAKEN.has(fate))
    .map((reading) => ({ ...reading, timeMs: Math.floor(reading.timeMs), value: Number(reading.payload) }));
  const oracle = new Map(batchCountWindows(taken, countWindows, metrics).map((one) => [line(one), one]));
  for (const shown of full) {
    const window = oracle.get(line(shown));
    oracle.delete(line(shown));
    const difference = window === undefined ? "the oracle has none" : differenceFrom(shown, window);
    if (difference !== undefined) problems.push(`${line(shown)}: ${difference}`);
  }
  return [...problems, ...Array.from(oracle.keys(), (one) => `${one}: the oracle has it, it was never full`)];
}

type Place = Omit<FullWindow, "values" | "beside">;

function shownLabels(labels: FullWindow["labels"]): string {
  const names = Object.keys(labels).toSorted();
  return `{${names.map((name) => `${name}=${JSON.stringify(labels[name])}`).join()}}`;
}
