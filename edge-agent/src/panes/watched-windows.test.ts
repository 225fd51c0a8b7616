// Windows that an agent's rules look at: told once passed, told anew as what is late comes, as a plain list of readings has it.
import { loadPipeline } from "@millrace/config";
import { SeriesWatermarks } from "@millrace/stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Series } from "../intake/series-registry.ts";
import { CORRECTIONS_MS, type WatchedResult, WatchedWindows } from "./watched-windows.ts";

const LIMITS = { outOfOrdernessMs: 5_000, idleTimeoutMs: 30_000 };
const PIPELINE = `
version: 1
metrics:
  t: { unit: °C, from: { topic: "f/{line}/{machine}/t", number: {} }, accumulate: [count, sum, max] }
windows:
  tumbling: { metric: t, size: 10s, by: [line] }
  sliding: { metric: t, size: 20s, slide: 5s, by: [line] }
`;
const { metrics, windows } = loadPipeline("/p.yaml", { readFile: () => PIPELINE }).config;
const SPECS = windows.filter((spec) => spec.kind === "aligned");
/** Two machines of a line, and one of another. */
const SERIES: readonly Series[] = ["a", "a", "b"].map((line, index) => ({
  index,
  metric: "t",
  labels: { line, machine: `m${index}`, site: "s" },
}));

function watch(groupsMax = 10, watermarks = new SeriesWatermarks(LIMITS)) {
  const options = { metrics, windows: SPECS, watermarks, groupsMax, ...LIMITS };
  const watched = new WatchedWindows(options);
  return {
    watched,
    watermarks,
    send(series: number, timeMs: number, value: number, nowMs: number) {
      watermarks.observe(series, timeMs, nowMs);
      watched.add(SERIES[series], timeMs, value);
    },
    take: (nowMs: number, isProven = false) =>
      watched.take(watermarks.watermark(nowMs, isProven).watermarkMs, nowMs),
  };
}

test("each window is told once passed, then only as it changes, and tells what a list of its readings does", () => {
  const step = fc.record({
    series: fc.nat(2),
    lateMs: fc.constantFrom(0, 0, 0, 2_000, 8_000, 30_000),
    value: fc.integer({ min: 0, max: 100 }),
    stepMs: fc.integer({ min: 0, max: 4_000 }),
    isTaken: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { send, take } = watch();
      const readings: { line: string; timeMs: number; value: number }[] = [];
      const told = new Map<string, WatchedResult>();
      let nowMs = 1_000_000;
      const check = () => {
        for (const result of take(nowMs)) {
          const key = `${result.window} ${result.labels["line"]} ${result.endMs}`;
          expect(result.isRevision).toBe(told.has(key));
          expect(result.endMs).toBeLessThanOrEqual(Math.max(...readings.map(({ timeMs }) => timeMs)) - 5_000);
          told.set(key, result);
        }
      };
      for (const { series, lateMs, value, stepMs, isTaken } of steps) {
        nowMs += stepMs;
        send(series, nowMs - lateMs, value, nowMs);
        readings.push({ line: SERIES[series].labels["line"], timeMs: nowMs - lateMs, value });
        if (isTaken) check();
      }
      nowMs += 25_000;
      for (const series of [0, 1, 2]) send(series, nowMs, 0, nowMs);
      readings.push(...SERIES.map(({ labels }) => ({ line: labels["line"], timeMs: nowMs, value: 0 })));
      check();
      const passedMs = nowMs - LIMITS.outOfOrdernessMs;
      for (const { name, sizeMs, slideMs } of SPECS) {
        for (let endMs = 990_000; endMs <= passedMs; endMs += slideMs) {
          for (const line of ["a", "b"]) {
            const own = readings.filter(
              (reading) =>
                reading.line === line && reading.timeMs >= endMs - sizeMs && reading.timeMs < endMs,
            );
            const result = told.get(`${name} ${line} ${endMs}`);
            if (own.length === 0) expect(result).toBe(undefined);
            else
              expect(result?.values).toEqual({
                count: own.length,
                sum: own.reduce((sum, { value }) => sum + value, 0),
                max: Math.max(...own.map(({ value }) => value)),
              });
          }
        }
      }
    }),
    { numRuns: 150 },
  );
});

/** Of which something always seems to have been heard. */
class Restless extends SeriesWatermarks {
  #asked = 0;

  override get version(): number {
    return ++this.#asked;
  }
}

test("silence is passed over, and what is told before and after it is the same as with a look at each tick", () => {
  const step = fc.record({
    /** The last is of another metric. */
    series: fc.nat(3),
    lateMs: fc.constantFrom(0, 0, 8_000, 30_000, CORRECTIONS_MS, CORRECTIONS_MS + 9_000, 3_600_000),
    value: fc.integer({ min: 0, max: 100 }),
    gapMs: fc.constantFrom(0, 500, 4_000, 50_000, 200_000),
    isProven: fc.constantFrom(true, true, false),
    /** Else only its arrival counts. */
    isGood: fc.constantFrom(true, true, false),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const [plain, restless] = [watch(), watch(10, new Restless(LIMITS))];
      let nowMs = 1_000_000_000;
      for (const { series, lateMs, value, gapMs, isProven, isGood } of steps) {
        for (const untilMs = nowMs + gapMs; nowMs < untilMs; nowMs += 500)
          expect(plain.take(nowMs, isProven)).toEqual(restless.take(nowMs, isProven));
        for (const { send, watermarks } of [plain, restless])
          if (isGood && series < SERIES.length) send(series, nowMs - lateMs, value, nowMs);
          else watermarks.observe(series, nowMs - lateMs, nowMs);
        expect(plain.take(nowMs, isProven)).toEqual(restless.take(nowMs, isProven));
      }
    }),
    { numRuns: 150 },
  );
});

test("who is heard for the first time after a silence is told of like anybody, however late", () => {
  const { send, take } = watch();
  let nowMs = 10_000_000;
  send(0, nowMs, 1, nowMs);
  for (let tick = 0; tick < 1_000; tick += 1) take((nowMs += 250), true);
  send(2, nowMs - 3_600_000, 7, nowMs);
  expect(take(nowMs, true)).toMatchObject([{ labels: { line: "b" }, values: { sum: 7 } }, {}, {}, {}, {}]);
});

test("who is heard again after a silence passes its windows, though another metric holds the agent back", () => {
  const { send, take, watermarks } = watch();
  const other = SERIES.length;
  send(0, 1_000_000, 1, 1_000_000);
  let nowMs = 1_000_000;
  for (; nowMs < 1_040_000; nowMs += 250) {
    watermarks.observe(other, 1_012_000, nowMs);
    take(nowMs, true);
  }
  expect(take(nowMs, true)).toEqual([]);
  // A bad one: it is in no pane.
  watermarks.observe(0, nowMs, nowMs);
  expect(take(nowMs, true).map(({ window, endMs }) => [window, endMs])).toEqual([
    ["sliding", 1_010_000],
    ["tumbling", 1_010_000],
    ["sliding", 1_015_000],
    ["sliding", 1_020_000],
  ]);
});

test("in silence no series is looked at, however long it lasts", () => {
  let lookCount = 0;
  class Counting extends SeriesWatermarks {
    override isIdle(series: number, nowMs: number): boolean {
      lookCount += 1;
      return super.isIdle(series, nowMs);
    }
  }
  const { send, take } = watch(10, new Counting(LIMITS));
  for (const series of [0, 1, 2]) send(series, 1_000, 1, 1_000);
  let nowMs = 1_000;
  // Until nothing of the last windows is kept any more.
  for (; nowMs < 2 * CORRECTIONS_MS; nowMs += 250) take(nowMs, true);
  lookCount = 0;
  for (let tick = 0; tick < 10_000; tick += 1) take((nowMs += 250), true);
  expect(lookCount).toBe(0);
});

test("a machine that falls silent holds up the windows of its own line only, and those until it is idle", () => {
  const { send, take } = watch();
  for (let nowMs = 0; nowMs <= 16_000; nowMs += 1_000) {
    if (nowMs < 5_000) send(0, nowMs, 1, nowMs);
    send(1, nowMs, 1, nowMs);
    send(2, nowMs, 1, nowMs);
  }
  const lines = (results: readonly WatchedResult[]) =>
    results.filter(({ window }) => window === "tumbling").map(({ labels }) => labels["line"]);
  expect(lines(take(16_000))).toEqual(["b"]);
  send(1, 36_000, 1, 36_000);
  expect(lines(take(36_000))).toContain("a");
});

test("what comes later than a minute after a window's end is nobody's; memory is what the windows hold", () => {
  const { send, take, watched } = watch();
  send(0, 1_000, 1, 1_000);
  for (let nowMs = 2_000; nowMs <= 600_000; nowMs += 1_000) {
    send(0, nowMs, 1, nowMs);
    take(nowMs);
  }
  send(0, 600_000 - CORRECTIONS_MS - 30_000, 99, 600_000);
  expect(take(600_000)).toEqual([]);
  send(0, 580_000, 99, 600_000);
  expect(take(600_000).every(({ isRevision }) => isRevision)).toBe(true);
  expect(watched.refusedCount).toBe(0);
});

test("after a silence of minutes on a clock that nobody has proven, the windows before it are told", () => {
  const { send, take } = watch();
  send(0, 1_000, 1, 1_000);
  expect(take(1_000)).toEqual([]);
  send(0, 400_000, 1, 400_000);
  expect(take(400_000).map(({ window, endMs }) => `${window} ${endMs}`)).toContain("tumbling 10000");
});

test("groups beyond the bound are refused and counted", () => {
  const { send, watched } = watch(1);
  send(0, 1_000, 1, 1_000);
  send(2, 1_000, 1, 1_000);
  expect(watched.refusedCount).toBe(1);
});

test("of thousands of machines with panes of a second, each is told of", () => {
  const text = PIPELINE.replace("size: 10s", "size: 1s").replaceAll("[line]", "[machine]");
  const fine = loadPipeline("/p.yaml", { readFile: () => text }).config;
  const watermarks = new SeriesWatermarks(LIMITS);
  const watched = new WatchedWindows({
    metrics: fine.metrics,
    windows: fine.windows.filter((spec) => spec.kind === "aligned"),
    watermarks,
    groupsMax: 10_000,
    ...LIMITS,
  });
  const machines = Array.from({ length: 3_000 }, (_, index) => ({
    index,
    metric: "t",
    labels: { machine: `m${index}` },
  }));
  const told = new Set<number>();
  for (let nowMs = 0; nowMs < 14_000; nowMs += 1_000) {
    for (const machine of machines) {
      watermarks.observe(machine.index, nowMs, nowMs);
      watched.add(machine, nowMs, 1);
    }
    for (const { group } of watched.take(watermarks.watermark(nowMs, true).watermarkMs, nowMs))
      told.add(group);
  }
  expect(told.size).toBe(machines.length);
  expect(watched.refusedCount).toBe(0);
});

test("panes beyond the bound of all together are refused, and their readings counted, over a reload too", () => {
  const watermarks = new SeriesWatermarks(LIMITS);
  const options = { watermarks, groupsMax: 10, panesMax: 4, ...LIMITS };
  const watched = new WatchedWindows({ ...options, metrics, windows: SPECS });
  // Of two readings a pane of 5 s, in two groups.
  for (let atMs = 0; atMs < 40_000; atMs += 2_500) {
    for (const series of [0, 2]) {
      watermarks.observe(series, atMs, atMs);
      watched.add(SERIES[series], atMs, 1);
    }
  }
  watched.take(watermarks.watermark(40_000, true).watermarkMs, 40_000);
  const { refusedCount } = watched;
  expect(refusedCount).toBe(2 * 12 - 8);
  watched.prepare({ metrics: [], windows: [] }, 40_000)();
  expect(watched.refusedCount).toBe(refusedCount);
});

test("windows that come and go change nothing for those that stay, nor the number of any group", () => {
  const others = loadPipeline("/p.yaml", {
    readFile: () =>
      `${PIPELINE.replace("[count, sum, max]", "[count, sum, min, max]")}  finer: { metric: t, size: 4s, by: [line] }\n  machine: { metric: t, size: 30s, by: [machine] }\n`,
  }).config;
  const more = { metrics: others.metrics, windows: others.windows.filter((spec) => spec.kind === "aligned") };
  const step = fc.record({
    series: fc.nat(2),
    lateMs: fc.constantFrom(0, 0, 0, 2_000, 8_000, 30_000),
    stepMs: fc.integer({ min: 0, max: 4_000 }),
    isChanged: fc.boolean(),
  });
  /** By window and number of the group: its labels. */
  const numbers = new Map<string, Map<number, string>>();
  const run = (steps: readonly ChangeStep[], isChanging: boolean) => {
    const { send, take, watched } = watch();
    const told: string[] = [];
    let [nowMs, newestMs, hasMore, changesLeft] = [1_000_000, 0, false, CHANGES_MAX];
    numbers.clear();
    for (const { series, lateMs, stepMs, isChanged } of [
      ...steps,
      { ...LAST, series: 0 },
      { ...LAST, series: 2 },
    ]) {
      if (isChanged && isChanging && changesLeft > 0) {
        changesLeft -= 1;
        hasMore = !hasMore;
        watched.prepare(hasMore ? more : { metrics, windows: SPECS }, Math.max(nowMs, newestMs + 1))();
      }
      nowMs += stepMs;
      newestMs = Math.max(newestMs, nowMs - lateMs);
      send(series, nowMs - lateMs, 1, nowMs);
      const results = take(nowMs).map(({ group, window, labels, endMs, values: { count }, isRevision }) => {
        const names = JSON.stringify(labels);
        const ofWindow = numbers.get(window) ?? new Map<number, string>();
        numbers.set(window, ofWindow);
        expect(ofWindow.get(group) ?? names).toBe(names);
        ofWindow.set(group, names);
        return JSON.stringify({ window, labels, endMs, count, isRevision });
      });
      told.push(...results.filter((text) => /tumbling|sliding/.test(text)).sort());
    }
    return told;
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      expect(run(steps, true)).toEqual(run(steps, false));
    }),
    { numRuns: 150 },
  );
});

/** With more in a minute or so the windows of before the first are given up. */
const CHANGES_MAX = 8;

interface ChangeStep {
  readonly series: number;
  readonly lateMs: number;
  readonly stepMs: number;
  readonly isChanged: boolean;
}

const LAST = { lateMs: 0, stepMs: 30_000, isChanged: false };
