// The judge is right on a case worked out by hand, and finds each kind of planted fault.
import { expect, test } from "vitest";
import type { TruthReading } from "../truth/truth-line.ts";
import type { CentralWindow } from "./central-client.ts";
import { compareWindows } from "./compare-windows.ts";
import { kmOverSphere, type Place } from "./records/geography.ts";
import { WindowOracle, type WindowDefinition, type WindowedValue } from "./window-oracle.ts";

const tumbling: WindowDefinition = {
  name: "t5",
  metric: "temperature",
  sizeMs: 5_000,
  slideMs: 5_000,
  offsetMs: 0,
  by: ["site"],
};
const sliding: WindowDefinition = {
  name: "t10",
  metric: "temperature",
  sizeMs: 10_000,
  slideMs: 5_000,
  offsetMs: 0,
  by: ["site", "line"],
};

function reading(time: number, value: number, site = "alpha"): TruthReading {
  return { type: "reading", site, line: "line-1", machine: "machine-1", metric: "temperature", time, value };
}

function truthOf(definition: WindowDefinition) {
  const oracle = new WindowOracle([definition]);
  for (const each of [reading(4_999, 1), reading(5_000, 2), reading(9_999, 4), reading(7_000, 8, "beta")])
    oracle.add(each);
  return oracle.results();
}

function row(startMs: number, site: string, values: Record<string, number>): CentralWindow {
  return {
    window: "t5",
    group: { site },
    startMs,
    endMs: startMs + 5_000,
    revision: 1,
    state: "complete",
    values,
  };
}

const rightRows = [
  row(0, "alpha", { count: 1, sum: 1, min: 1, max: 1 }),
  row(5_000, "alpha", { count: 2, sum: 6, min: 2, max: 4 }),
  row(5_000, "beta", { count: 1, sum: 8, min: 8, max: 8 }),
];

test("a reading on the edge belongs to the window that begins there; sliding windows overlap", () => {
  const slides = [...truthOf(sliding).values()].map(({ startMs, group, count, sum }) => [
    startMs,
    group.join("/"),
    count,
    sum,
  ]);
  expect(slides).toEqual([
    [0, "alpha/line-1", 3, 7],
    [-5_000, "alpha/line-1", 1, 1],
    [5_000, "alpha/line-1", 2, 6],
    [5_000, "beta/line-1", 1, 8],
    [0, "beta/line-1", 1, 8],
  ]);
});

test("right rows pass; a wrong value, a missing and an extra window are each found", () => {
  const verdict = (rows: CentralWindow[]) => compareWindows(tumbling, truthOf(tumbling), rows);
  expect(verdict(rightRows)).toMatchObject({
    expected: 3,
    right: 3,
    wrong: 0,
    missing: 0,
    extra: 0,
    faults: [],
  });
  expect(verdict([row(0, "alpha", { count: 2, sum: 1 }), ...rightRows.slice(1)])).toMatchObject({
    right: 2,
    wrong: 1,
  });
  expect(verdict([row(0, "alpha", { count: 1, sum: 1 + 1e-11 }), ...rightRows.slice(1)])).toMatchObject({
    right: 2,
    wrong: 1,
  });
  expect(verdict(rightRows.slice(1))).toMatchObject({ right: 2, missing: 1 });
  expect(verdict([...rightRows, row(10_000, "alpha", { count: 1 })])).toMatchObject({ right: 3, extra: 1 });
  expect(verdict([...rightRows, row(10_000, "alpha", { count: 0 })])).toMatchObject({ right: 3, extra: 0 });
});

const ACCUMULATE = ["count", "sum", "mean", "min", "max", "range", "first", "last", "quantiles"];

/** What central makes of 2, 4, 9 and 9 again, the last two at one time. */
const FOUR = {
  count: 4,
  sum: 24,
  mean: 6,
  stddev: Math.sqrt(9.5),
  min: 2,
  max: 9,
  range: 7,
  first: 4,
  last: 9,
  p50: 4,
  p90: 9,
  p95: 9,
  p99: 9,
};

function judgedOfFour(values: Record<string, number>) {
  const definition = { ...tumbling, accumulate: ACCUMULATE };
  const oracle = new WindowOracle([definition]);
  for (const each of [reading(3, 9), reading(3, 2), reading(1, 4), reading(1, 9)]) oracle.add(each);
  return compareWindows(definition, oracle.results(), [row(0, "alpha", values)]);
}

test("all values that a metric accumulates are compared; what the truth does not hold is told", () => {
  expect(judgedOfFour(FOUR)).toMatchObject({
    right: 1,
    faults: [],
    uncompared: ["p50", "p90", "p95", "p99"],
  });
  expect(judgedOfFour(FOUR).compared.toSorted()).toEqual(
    ["count", "sum", "mean", "stddev", "min", "max", "range", "first", "last"].toSorted(),
  );
  const made = judgedOfFour({ ...FOUR, entropy: 3 });
  expect(made.uncompared).toContain("entropy");
});

test.each(Object.keys(FOUR))("a window without its %s is wrong", (name) => {
  const { [name]: _, ...fewer } = FOUR as Record<string, number>;
  expect(judgedOfFour(fewer)).toMatchObject({ right: 0, wrong: 1 });
});

test.each(["sum", "mean", "stddev", "min", "max", "range", "first", "last"] as const)(
  "a window with another %s is wrong",
  (name) => {
    expect(judgedOfFour({ ...FOUR, [name]: FOUR[name] + 1e-9 })).toMatchObject({ right: 0, wrong: 1 });
    expect(judgedOfFour({ ...FOUR, [name]: NaN })).toMatchObject({ right: 0, wrong: 1 });
  },
);

test("the deviation of values that are all alike is none, whatever their square rounds to", () => {
  const definition = { ...tumbling, accumulate: ["count", "mean"] };
  const oracle = new WindowOracle([definition]);
  for (let at = 0; at < 1_000; at += 1) oracle.add(reading(at, 0.1));
  const verdict = (stddev: number) =>
    compareWindows(definition, oracle.results(), [row(0, "alpha", { count: 1_000, mean: 0.1, stddev })]);
  expect([0, 1e-8, 1e-6].map((stddev) => verdict(stddev).right)).toEqual([1, 1, 0]);
});

test("a reading that came after a window's lateness is not in it; one that came about then may be", () => {
  const oracle = new WindowOracle([{ ...tumbling, latenessMs: 60_000 }]);
  const came = (atMs: number) => ({ earliestMs: atMs, latestMs: atMs, isUnsure: false });
  expect(oracle.add(reading(1_000, 1), came(2_000))).toBe("in");
  expect(oracle.add(reading(2_000, 5), came(64_000))).toBe("unsure");
  expect(oracle.add(reading(3_000, 9), came(70_000))).toBe("late");
  expect(oracle.add({ ...reading(3_000, 9), metric: "pressure" }, came(0))).toBe("none");
  const verdict = (count: number) =>
    compareWindows(tumbling, oracle.results(), [row(0, "alpha", { count, sum: 1 })]);
  expect([0, 1, 2, 3].map((count) => verdict(count).right)).toEqual([0, 1, 1, 0]);
  expect(verdict(2)).toMatchObject({ right: 1, unsure: 1 });
  expect(compareWindows(tumbling, oracle.results(), [])).toMatchObject({ right: 0, missing: 1 });
});

test("a reading of which nobody knows whether it came leaves its window in bounds, and may be all there is", () => {
  const oracle = new WindowOracle([tumbling]);
  const unsure = { earliestMs: 0, latestMs: 0, isUnsure: true };
  expect(oracle.add(reading(1_000, 1), unsure)).toBe("unsure");
  const judge = (rows: CentralWindow[]) => compareWindows(tumbling, oracle.results(), rows);
  expect(judge([])).toMatchObject({ right: 1, unsure: 1, missing: 0 });
  expect(judge([row(0, "alpha", { count: 1 })])).toMatchObject({ right: 1, unsure: 1 });
  expect(judge([row(0, "alpha", { count: 2 })])).toMatchObject({ wrong: 1 });
});

const PLACES = [
  { longitude: 116.4, latitude: 39.9 },
  { longitude: 116.41, latitude: 39.9 },
  { longitude: 116.41, latitude: 39.92 },
];

function judged(values: readonly WindowedValue["value"][], found: Record<string, number>) {
  const definition = { ...tumbling, by: [] };
  const oracle = new WindowOracle([definition]);
  // Backwards: the way is in order of time, whatever the order of arrival.
  for (const [at, value] of [...values.entries()].toReversed())
    oracle.addValue({ metric: "temperature", time: at, value, labelOf: () => "" });
  const found5 = {
    window: "t5",
    group: {},
    startMs: 0,
    endMs: 5_000,
    revision: 1,
    state: "complete",
    values: found,
  };
  return compareWindows(definition, oracle.results(), [found5]);
}

const wayOf = (places: readonly Place[]): number =>
  places.slice(1).reduce((km, place, at) => km + kmOverSphere(places[at], place), 0);

test("a way is right to a billionth, and not where a position is missing or its place was estimated", () => {
  const right = { count: 3, inexact: 0 };
  const verdict = judged(PLACES, { ...right, distance: wayOf(PLACES) });
  expect(verdict).toMatchObject({ right: 1, wrong: 0, compared: ["count", "distance", "inexact"] });
  expect(judged(PLACES, { ...right, distance: wayOf(PLACES) * (1 + 1e-8) })).toMatchObject({ wrong: 1 });
  expect(judged(PLACES, { ...right, distance: wayOf([PLACES[0], PLACES[2]]) })).toMatchObject({ wrong: 1 });
  expect(judged(PLACES, { ...right, distance: wayOf(PLACES), inexact: 1 })).toMatchObject({ wrong: 1 });
});

test("who was there is counted once, exactly where central says so, and else within six of its standard errors", () => {
  const users = Array.from({ length: 1_000 }, (_, at) => `string u${at % 500}`);
  const found = (distinct: number, distinctError: number) =>
    judged(users, { count: 1_000, distinct, distinctError }).wrong;
  expect([found(500, 0), found(501, 0), found(499, 0)]).toEqual([0, 1, 1]);
  expect([found(520, 4), found(476, 4), found(525, 4)]).toEqual([0, 0, 1]);
  // An error that is claimed greater than any estimate has does not help.
  expect(found(600, 500)).toBe(1);
});

const session: WindowDefinition = {
  ...tumbling,
  name: "s",
  kind: "session",
  // Of an hour at most, with a gap of 10 s.
  sizeMs: 3_610_000,
  slideMs: 10_000,
  latenessMs: 60_000,
};
const sessionRow = (startMs: number, endMs: number, count: number): CentralWindow => ({
  ...row(startMs, "alpha", { count }),
  window: "s",
  endMs,
});

test("a session is what no more than the gap passes between, in whatever order it came", () => {
  const oracle = new WindowOracle([session]);
  for (const time of [20_000, 1_000, 11_000, 30_001]) oracle.add(reading(time, 1));
  const truth = oracle.results();
  const rows = [sessionRow(1_000, 30_000, 3), sessionRow(30_001, 40_001, 1)];
  expect(compareWindows(session, truth, rows)).toMatchObject({
    expected: 2,
    right: 2,
    unsure: 0,
    faults: [],
  });
  const [first, second] = rows;
  expect(compareWindows(session, truth, [{ ...first, endMs: 29_999 }, second])).toMatchObject({
    wrong: 1,
    faults: [expect.stringContaining("ends 1970-01-01T00:00:29.999Z, should end 1970-01-01T00:00:30.000Z")],
  });
  expect(compareWindows(session, truth, [sessionRow(1_000, 40_001, 4)])).toMatchObject({
    wrong: 1,
    missing: 1,
  });
  expect(compareWindows(session, truth, [...rows, sessionRow(90_000, 100_000, 1)]).extra).toBe(1);
});

test("where a reading may be missing, or sessions are cut, all of them together must have what came", () => {
  const oracle = new WindowOracle([session]);
  const maybe = { earliestMs: -Infinity, latestMs: -Infinity, isUnsure: true };
  oracle.add(reading(1_000, 1));
  oracle.add(reading(9_000, 1), maybe);
  oracle.add(reading(15_000, 1));
  const truth = oracle.results();
  for (const rows of [
    [sessionRow(1_000, 25_000, 3)],
    [sessionRow(1_000, 11_000, 1), sessionRow(15_000, 25_000, 1)],
  ])
    expect(compareWindows(session, truth, rows)).toMatchObject({ right: 1, wrong: 0, extra: 0, unsure: 1 });
  expect(compareWindows(session, truth, [sessionRow(1_000, 11_000, 1)])).toMatchObject({
    wrong: 1,
    faults: [
      expect.stringContaining("1 readings in sessions until 1970-01-01T00:00:25.000Z, should be from 2 to 3"),
    ],
  });
  const long = new WindowOracle([session]);
  for (let time = 0; time <= 3_700_000; time += 10_000) long.add(reading(time, 1));
  const parts = [sessionRow(0, 3_600_000, 360), sessionRow(3_600_000, 3_710_000, 11)];
  expect(compareWindows(session, long.results(), parts)).toMatchObject({ right: 1, extra: 0 });
});

test("a day is that of the zone's wall clock, 23 hours long where the clocks go forward", () => {
  const days: WindowDefinition = {
    ...tumbling,
    kind: "day",
    timeZone: "Europe/Berlin",
    sizeMs: 86_400_000,
    slideMs: 86_400_000,
  };
  const oracle = new WindowOracle([days]);
  const at = (text: string) => oracle.add(reading(Date.parse(text), 1));
  // 2026-03-29 is from 23:00 UTC to 22:00 UTC.
  for (const text of [
    "2026-03-28T22:59:59.999Z",
    "2026-03-28T23:00:00Z",
    "2026-03-29T21:59:59Z",
    "2026-03-29T22:00:00Z",
  ])
    at(text);
  expect(
    [...oracle.results().values()].map(({ startMs, count }) => [new Date(startMs).toISOString(), count]),
  ).toEqual([
    ["2026-03-27T23:00:00.000Z", 1],
    ["2026-03-28T23:00:00.000Z", 2],
    ["2026-03-29T22:00:00.000Z", 1],
  ]);
});
