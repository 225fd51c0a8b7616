import { max, mean, min, standardDeviation, sum } from "simple-statistics";
import type { MetricSpec, Reading, WindowSpec } from "@millrace/stream";
import { daysOf } from "./calendar-days.ts";

/** What one window of a finished input is. Estimates, such as `distinct` of many, are here what they estimate. */
export interface BatchWindow {
  readonly window: string;
  readonly group: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly endMs: number;
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
 * of the engine it knows the types only. A reading that is not good makes no session, and is counted beside the one in
 * whose panes it lies.
 */
export function batchWindows(
  readings: readonly BatchReading[],
  windows: readonly WindowSpec[],
  metrics: readonly BatchMetric[],
): Map<string, BatchWindow> {
  const results = new Map<string, BatchWindow>();
  for (const spec of windows) {
    const { accumulate = [], paneMs = null } = metrics.find(({ name }) => name === spec.metric) ?? {};
    const groups = Map.groupBy(
      readings.filter(({ metric }) => metric === spec.metric),
      ({ labels }) => JSON.stringify(spec.by.map((label) => labels[label] ?? "")),
    );
    for (const [text, own] of groups) {
      const labels: string[] = JSON.parse(text);
      const group = Object.fromEntries(spec.by.map((name, index) => [name, labels[index]]));
      for (const { startMs, endMs, members } of windowsOf(spec, own, paneMs ?? 1)) {
        const window = { window: spec.name, group, startMs, endMs, ...summary(members, accumulate) };
        results.set(windowKey(spec.name, startMs, group), window);
      }
    }
  }
  return results;
}

/** `paneMs` is the length of the agents' panes. */
type BatchMetric = Pick<MetricSpec, "name" | "accumulate"> & { readonly paneMs: number | null };
type BatchReading = Pick<Reading, "metric" | "labels" | "timeMs" | "value" | "quality">;

interface Members {
  readonly startMs: number;
  readonly endMs: number;
  readonly members: readonly BatchReading[];
}

function windowsOf(spec: WindowSpec, own: readonly BatchReading[], paneMs: number): Members[] {
  if (spec.kind === "session") return sessionsOf(spec, own, paneMs);
  const times = own.map(({ timeMs }) => timeMs);
  const ranges =
    spec.kind === "day"
      ? daysOf(spec.timeZone, min(times), max(times))
      : times.flatMap((time) => alignedOver(time, spec));
  const byStart = new Map(ranges.map((range) => [range.startMs, range]));
  return Array.from(byStart.values(), ({ startMs, endMs }) => ({
    startMs,
    endMs,
    members: own.filter(({ timeMs }) => startMs <= timeMs && timeMs < endMs),
  })).filter(({ members }) => members.length > 0);
}

export function windowKey(window: string, startMs: number, group: Readonly<Record<string, string>>): string {
  return `${window} ${startMs} ${JSON.stringify(group)}`;
}

/** Starts are the offset and multiples of the slide from there, in whole numbers of any size: before 1970 and beyond 2^53 too. */
function alignedOver(timeMs: number, spec: Extract<WindowSpec, { kind: "aligned" }>) {
  const [time, size, slide] = [BigInt(timeMs - spec.offsetMs), BigInt(spec.sizeMs), BigInt(spec.slideMs)];
  let start = (time / slide) * slide;
  if (start > time) start -= slide;
  const ranges: { startMs: number; endMs: number }[] = [];
  for (; start + size > time; start -= slide) {
    const startMs = Number(start) + spec.offsetMs;
    ranges.push({ startMs, endMs: startMs + spec.sizeMs });
  }
  return ranges;
}

function sessionsOf(
  { gapMs, lengthMsMax }: Extract<WindowSpec, { kind: "session" }>,
  own: readonly BatchReading[],
  paneMs: number,
): Members[] {
  const times = own
    .filter(({ quality }) => quality === "good")
    .map(({ timeMs }) => timeMs)
    .sort((a, b) => a - b);
  const line = (timeMs: number) => Math.floor(timeMs / lengthMsMax);
  const parts: { first: number; last: number; continues: boolean }[] = [];
  for (const timeMs of times) {
    const part = parts.at(-1);
    const isNear = part !== undefined && timeMs - part.last <= gapMs;
    if (part !== undefined && isNear && line(part.first) === line(timeMs)) part.last = timeMs;
    else parts.push({ first: timeMs, last: timeMs, continues: isNear });
  }
  const sessions: { first: number; last: number }[] = [];
  for (let index = 0; index < parts.length; index++) {
    const [part, next] = [parts[index], parts[index + 1]];
    const isContinued = index + 1 < parts.length && next.continues;
    const isJoined = !part.continues && isContinued && next.last - part.first <= lengthMsMax;
    sessions.push({ first: part.first, last: isJoined ? next.last : part.last });
    if (isJoined) index++;
  }
  const pane = (timeMs: number) => Math.floor(timeMs / paneMs);
  return sessions.map(({ first, last }) => ({
    startMs: first,
    endMs: last + gapMs,
    members: own.filter(({ timeMs, quality }) =>
      quality === "good"
        ? first <= timeMs && timeMs <= last
        : pane(first) <= pane(timeMs) && pane(timeMs) <= pane(last),
    ),
  }));
}

type Member = Pick<Reading, "timeMs" | "value" | "quality">;

/** The results of these readings, and what is beside them. */
export function summary(members: readonly Member[], accumulate: readonly string[]) {
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
