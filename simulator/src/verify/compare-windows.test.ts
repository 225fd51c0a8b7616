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
