// The judge is right on a case worked out by hand, and finds each kind of planted fault.
import { expect, test } from "vitest";
import type { TruthAlarm, TruthReading } from "../truth/truth-line.ts";
import type { CentralAlarm, CentralWindow } from "./central-client.ts";
import { compareAlarms } from "./compare-alarms.ts";
import { compareWindows } from "./compare-windows.ts";
import { WindowOracle, type WindowDefinition } from "./window-oracle.ts";

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
  return { window: "t5", group: { site }, startMs, revision: 1, state: "complete", values };
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

test("an alarm is right by rule, machine and time of its crossing", () => {
  const truth: TruthAlarm = { ...reading(7_000, 81), type: "alarm", rule: "hot", limit: 80 };
  const alarm: CentralAlarm = {
    id: "1",
    rule: "hot",
    labels: { site: "alpha", line: "line-1", machine: "machine-1" },
    step: 1,
    activeAtMs: 7_000,
    clearedAtMs: null,
    timeMs: 7_000,
    value: 81,
    receivedAtMs: 7_010,
    action: "none",
    command: null,
  };
  const scope = { sites: new Set(["alpha"]), rules: new Set(["hot"]) };
  expect(compareAlarms([truth], [alarm], scope)).toMatchObject({ right: 1, missed: 0, wrong: 0 });
  expect(compareAlarms([truth], [], scope)).toMatchObject({ right: 0, missed: 1, wrong: 0 });
  expect(compareAlarms([truth], [{ ...alarm, activeAtMs: 6_000 }], scope)).toMatchObject({
    right: 0,
    missed: 1,
    wrong: 1,
  });
  expect(compareAlarms([], [{ ...alarm, rule: "other" }], scope)).toMatchObject({ wrong: 0 });
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

test("the delay of alarms: from the reading's true time to central's clock when it first had them", () => {
  const steps = [100, 300, 5_000].map((delayMs, index): [TruthAlarm, CentralAlarm] => {
    const time = 7_000 + index * 10_000;
    const step: TruthAlarm = { ...reading(time, 81), type: "alarm", rule: "hot", limit: 80 };
    const labels = { site: "alpha", line: "line-1", machine: "machine-1" };
    const alarm = {
      id: `${index}`,
      rule: "hot",
      labels,
      step: 1,
      activeAtMs: time,
      clearedAtMs: null,
      value: 81,
    };
    // Its end came a minute later.
    const times = { timeMs: time, receivedAtMs: time + 60_000, firstReceivedAtMs: time + delayMs };
    return [step, { ...alarm, ...times, action: "none", command: null }];
  });
  const scope = { sites: new Set(["alpha"]), rules: new Set(["hot"]) };
  const verdict = compareAlarms(
    steps.map(([step]) => step),
    steps.map(([, alarm]) => alarm),
    scope,
  );
  expect(verdict.delay).toEqual({ p50Ms: 300, maxMs: 5_000 });
  expect(compareAlarms([], [], scope).delay).toBeNull();
});
