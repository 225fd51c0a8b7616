// A plan's errors are found before anything runs, all of them, each with its place.
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadPlan, parsePlan } from "./load-plan.ts";

const SITES = `version: 1
sites:
  alpha: { broker: "mqtt://127.0.0.1:1883", lines: 1, machinesPerLine: 2 }
`;

test("the newcomer's plan loads, and flags replace seed and brokers", () => {
  const path = join(import.meta.dirname, "../../plans/newcomer.yaml");
  const plan = loadPlan(path, { seed: 9, brokers: new Map([["beta", "mqtt://127.0.0.1:7"]]) });
  expect(plan.seed).toBe(9);
  expect(plan.sites.map((site) => site.broker)).toEqual(["mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:7"]);
  expect(plan.faults).toEqual([
    {
      fault: "overheating",
      number: 1,
      site: "alpha",
      line: "line-1",
      machine: "machine-2",
      atMs: 6_000,
      growthMs: 0,
      endMs: Infinity,
      targetCelsius: 160,
    },
  ]);
  expect(plan.rules).toEqual([{ rule: "overheating", metric: "temperature", above: 80, clearBelow: 75 }]);
});

test.each([
  [`${SITES}sead: 5\n`, 'p.yaml:4:1: unknown key "sead"; did you mean seed?'],
  [`${SITES}readingsPerSecond: fast\n`, "p.yaml:4:20: readingsPerSecond:"],
  [`${SITES}readingsPerSecond: -5\n`, "p.yaml:4:20: readingsPerSecond:"],
  [`${SITES}heat: { tau: soon }\n`, 'p.yaml:4:14: heat.tau: "soon" is no duration'],
  [`${SITES}heat: { tua: 1s }\n`, 'p.yaml:4:9: unknown key "tua"; did you mean tau?'],
  [
    `${SITES}signals: { temprature: {} }\n`,
    'p.yaml:4:12: unknown key "temprature"; did you mean temperature?',
  ],
  [`${SITES}signals: { temperature: { noise: -1 } }\n`, "p.yaml:4:34: signals.temperature.noise: Too small"],
  [
    `${SITES}signals: { temperature: { every: 300ms } }\n`,
    "p.yaml:4:34: signals.temperature.every must be a multiple of 200 ms",
  ],
  [
    `${SITES}rules: { hot: { metric: temperature, above: 5, clearBelow: 6 } }\n`,
    "p.yaml:4:60: clearBelow 6 is above the limit 5",
  ],
  [`${SITES}rules: { hot: { metric: flow, above: 5 } }\n`, "p.yaml:4:25: no machine reports flow"],
  [`${SITES}duty: { run: 5m }\n`, "p.yaml:4:7: run and idle go together"],
  [`${SITES}duty: { run: [9m, 5m], idle: 1m }\n`, "p.yaml:4:14: run must be a length"],
  [`${SITES}duty: { maintenance: { every: 1h, for: 2h } }\n`, "p.yaml:4:40: maintenance must be over"],
  [`${SITES}duty: { utcOffset: 8 }\n`, "p.yaml:4:20: duty.utcOffset:"],
  [
    `${SITES}duty: { shifts: [{ days: [mon], from: "6:00", to: "14:00" }] }\n`,
    'p.yaml:4:39: duty.shifts.0.from: "6:00" is no time of day',
  ],
  [
    `${SITES}waveform: { every: 1m, bearing: { balls: 9, ballDiameterMm: 40, pitchDiameterMm: 39 } }\n`,
    "p.yaml:4:61: the balls do not fit",
  ],
  ["version: 1\nsites: {\n", "p.yaml:3:1:"],
])("%#: %s", (text, problem) => {
  expect(() => parsePlan(text, "p.yaml")).toThrow(problem);
});

test.each([
  [
    "fault: overheatin, machine: alpha/line-1/machine-1, at: 1s",
    '5:14: faults.0.fault: "overheatin"; did you mean overheating?',
  ],
  [
    "fault: earthquake, at: 1s",
    '5:14: faults.0.fault: "earthquake"; there are overheating, bearing-wear, leak',
  ],
  [
    "fault: overheating, machine: alpha/line-9/machine-1, at: 1s, targetCelsius: 99",
    "5:36: no machine alpha/line-9/machine-1",
  ],
  [
    "fault: overheating, machine: alpha/line-1/machine-3, at: 1s, targetCelsius: 99",
    "5:36: no machine alpha/line-1/machine-3",
  ],
  ["fault: overheating, machine: alpha/line-1/machine-01, at: 1s, targetCelsius: 99", "5:36: no machine"],
  [
    "fault: stuck, sensor: alpha/line-1/machine-1, at: 1s",
    "5:29: no sensor alpha/line-1/machine-1; sensors are named like alpha/line-1/machine-1/temperature",
  ],
  [
    "fault: stuck, sensor: alpha/line-1/machine-1/preasure, at: 1s",
    "5:29: no machine reports preasure; did you mean pressure?",
  ],
  ["fault: power-cut, site: alfa, at: 1s, for: 5s", "5:31: no site alfa; there are alpha"],
  ["fault: power-cut, site: alpha, at: 1s", "5:5: faults.0.for:"],
  ["fault: leak, machine: alpha/line-1/machine-1, at: 1s, share: 1.5", "5:68: faults.0.share: Too big"],
  [
    "fault: leak, machine: alpha/line-1/machine-1, at: 1s, share: 0.5, fro: 5s",
    '5:73: unknown key "fro"; did you mean for?',
  ],
  [
    "fault: leak, machine: alpha/line-1/machine-1, at: 1s, growth: 9s, for: 5s, share: 0.5",
    "5:69: the fault would end before it is full grown",
  ],
  [
    "fault: bearing-wear, machine: alpha/line-1/machine-1, at: 1s, defect: inner, vibration: 1",
    '5:77: faults.0.defect: "inner"; did you mean inner-race?',
  ],
  [
    "fault: swapped, machine: alpha/line-1/machine-1, at: 1s, metrics: [flow, flow]",
    "5:73: no machine reports flow",
  ],
])("fault %#: %s", (fault, problem) => {
  expect(() => parsePlan(`${SITES}faults:\n  - { ${fault} }\n`, "p.yaml")).toThrow(problem);
});

test("a machine beyond the line's last is none", () => {
  const plan = (machine: string): string =>
    `${SITES}faults: [{ fault: leak, machine: alpha/line-1/${machine}, at: 1s, share: 0.5 }]\n`;
  expect(parsePlan(plan("machine-2"), "p.yaml").faults).toHaveLength(1);
  expect(() => parsePlan(plan("machine-3"), "p.yaml")).toThrow(
    "p.yaml:4:34: no machine alpha/line-1/machine-3",
  );
});
