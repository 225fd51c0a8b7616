import { max, mean, min, standardDeviation, sum } from "simple-statistics";
import type { MetricSpec, Reading, WindowSpec } from "@millrace/stream";

/** What one window of a finished input is. Estimates, such as `distinct` of many, are here what they estimate. */
export interface BatchWindow {
  readonly window: string;
  readonly group: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly readings: number;
  /** What its metric accumulates, by the names of the results. */
  readonly values: Readonly<Record<string, number>>;
  readonly beside: { readonly uncertain: number; readonly bad: number };
  /** Σ|x| and Σx² of the good readings: what tolerances are measured by. */
  readonly absoluteSum: number;
  readonly squareSum: number;
  /** The greatest |x| of them. */
  readonly greatest: number;
}

/**
 * The batch oracle: for each window, start and group the textbook formulas over the readings inside. Slow on purpose, and
 * of the engine it knows the types only.
 */
export function batchWindows(
  readings: readonly Pick<Reading, "metric" | "labels" | "timeMs" | "value" | "quality">[],
  windows: readonly WindowSpec[],
  metrics: readonly Pick<MetricSpec, "name" | "accumulate">[],
): Map<string, BatchWindow> {
  const results = new Map<string, BatchWindow>();
  for (const spec of windows) {
    const accumulate = metrics.find(({ name }) => name === spec.metric)?.accumulate ?? [];
    const own = readings.filter(({ metric }) => metric === spec.metric);
    const starts = new Set(own.flatMap(({ timeMs }) => startsOf(timeMs, spec)));
    for (const startMs of starts) {
      const inside = own.filter(({ timeMs }) => startMs <= timeMs && timeMs < startMs + spec.sizeMs);
      const groups = Map.groupBy(inside, ({ labels }) =>
        JSON.stringify(spec.by.map((label) => labels[label] ?? "")),
      );
      for (const [text, members] of groups) {
        const labels: string[] = JSON.parse(text);
        const group = Object.fromEntries(spec.by.map((name, index) => [name, labels[index]]));
        const window = { window: spec.name, group, startMs, ...summary(members, accumulate) };
        results.set(windowKey(spec.name, startMs, group), window);
      }
    }
  }
  return results;
}

export function windowKey(window: string, startMs: number, group: Readonly<Record<string, string>>): string {
  return `${window} ${startMs} ${JSON.stringify(group)}`;
}

/** Multiples of the slide, in whole numbers of any size: for times before 1970 and beyond 2^53 too. */
function startsOf(timeMs: number, spec: Pick<WindowSpec, "sizeMs" | "slideMs">): number[] {
  const [time, size, slide] = [BigInt(timeMs), BigInt(spec.sizeMs), BigInt(spec.slideMs)];
  let start = (time / slide) * slide;
  if (start > time) start -= slide;
  const starts: number[] = [];
  for (; start + size > time; start -= slide) starts.push(Number(start));
  return starts;
}

type Member = Pick<Reading, "timeMs" | "value" | "quality">;

function summary(members: readonly Member[], accumulate: readonly string[]) {
  const good = members.filter(({ quality }) => quality === "good");
  const values = good.map(({ value }) => value);
  const results: [string, number][] = [["count", good.length]];
  if (good.length > 0) for (const name of accumulate) results.push(...Object.entries(resultOf(name, good)));
  return {
    readings: members.length,
    // A zero has no sign.
    values: Object.fromEntries(
      results.filter(([, value]) => Number.isFinite(value)).map(([name, value]) => [name, value + 0]),
    ),
    beside: {
      uncertain: members.filter(({ quality }) => quality === "uncertain").length,
      bad: members.filter(({ quality }) => quality === "bad").length,
    },
    absoluteSum: values.reduce((total, value) => total + Math.abs(value), 0),
    squareSum: values.reduce((total, value) => total + value * value, 0),
    greatest: values.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0),
  };
}

/** The results of one accumulator, of at least one reading. */
function resultOf(accumulator: string, good: readonly Member[]): Record<string, number> {
  const values = good.map(({ value }) => value);
  const byTime = good.toSorted((a, b) => a.timeMs - b.timeMs);
  const at = (timeMs: number) =>
    good.filter((reading) => reading.timeMs === timeMs).map(({ value }) => value);
  const [, family, parameters = ""] = /^(\w+)(?:\((.+)\))?$/.exec(accumulator) ?? [];
  const numbers = parameters.split(",").map(Number);
  switch (family) {
    case "count":
      return { count: good.length };
    case "sum":
      return { sum: sum(values) };
    case "min":
      return { min: min(values) };
    case "max":
      return { max: max(values) };
    case "range":
      return { range: max(values) - min(values) };
    case "mean":
      return { mean: mean(values), stddev: standardDeviation(values) };
    // Of several at the same time the smaller is first and the greater last.
    case "first":
      return { first: min(at(byTime[0].timeMs)) };
    case "last":
      return { last: max(at(byTime.at(-1)!.timeMs)) };
    case "ratio": {
      const [side, limit] = numbers;
      const isCounted = [
        (value: number) => value < limit,
        (value: number) => value === limit,
        (value: number) => value > limit,
      ][side];
      return { ratio: values.filter(isCounted).length / values.length };
    }
    case "histogram":
      return Object.fromEntries([
        ...numbers.map((bound) => [`le_${bound}`, values.filter((value) => value <= bound).length]),
        ["le_inf", values.length],
      ]);
    case "quantiles":
      return {
        p50: ofRank(0.5, values),
        p90: ofRank(0.9, values),
        p95: ofRank(0.95, values),
        p99: ofRank(0.99, values),
      };
    case "distinct":
      return { distinct: new Set(values).size };
    case "topk":
      return { topCount: max(Array.from(Map.groupBy(values, Number).values(), ({ length }) => length)) };
    case "increase":
      return { increase: sum([0, ...gains(byTime.map(({ value }) => value))]) };
    default:
      return {};
  }
}

/** The least value that at least this share of all do not exceed. */
function ofRank(share: number, values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1];
}

/** From reading to reading of a counter; after a reset it has counted from 0 again. */
function gains(values: readonly number[]): number[] {
  return values.slice(1).map((value, index) => (value < values[index] ? value : value - values[index]));
}
