// Delivery as it really is, end to end in memory: the truth knows the fate of every reading, and the run is made
// again from its truth.
import { expect, test } from "vitest";
import { parsePlan } from "../plan/load-plan.ts";
import { RecordedPlant } from "../plant/recorded-plant.ts";
import { RepeatedRun } from "../truth/repeated-run.ts";
import {
  formatTruthLine,
  parseTruthLine,
  type TruthAlarm,
  type TruthDelivery,
  type TruthLine,
  type TruthReading,
} from "../truth/truth-line.ts";
import type { TruthRecovery } from "../truth/truth-recovery.ts";
import type { PlantMessage } from "./dispatch.ts";

const START_MS = 1_767_225_600_000;
const PLAN = `version: 1
readingsPerSecond: 10
sites: { alpha: { broker: "mqtt://127.0.0.1:1", qos: 0, lines: 2, machinesPerLine: 2 } }
signals: { temperature: {}, pressure: { format: array } }
heat: { tau: 3s }
faults:
  - { fault: overheating, machine: alpha/line-1/machine-1, at: 5s, for: 10s, targetCelsius: 200 }
  - { fault: noise, sensor: alpha/line-2/machine-1/temperature, at: 5s, for: 20s, factor: 80 }
rules: { hot: { metric: temperature, above: 80, clearBelow: 75 } }
`;
const DELIVERY = `delivery:
  lateness: { distribution: lognormal, median: 300ms, sigma: 1.2, max: 8s }
  reorder: { probability: 0.1, by: 2s }
  duplicates: { probability: 0.05, within: 3s }
  loss: { probability: 0.02 }
  silence: { every: 20s, for: [1s, 4s] }
  malformed: { probability: 0.02 }
`;

function run(text: string, ticks: number, recovery: TruthRecovery | null = null) {
  const lines: TruthLine[] = [];
  const messages: PlantMessage[] = [];
  const plant = new RecordedPlant({
    plan: parsePlan(text, "plan.yaml"),
    startMs: recovery === null ? START_MS : recovery.lastTimeMs + 60_000,
    recovery,
    record: (line) => lines.push(line),
  });
  while (plant.stepCount < ticks) messages.push(...plant.step().messages);
  messages.push(...plant.rest());
  const readings = lines.filter((line): line is TruthReading => line.type === "reading");
  const fates = lines.filter((line): line is TruthDelivery => line.type === "delivery");
  return { lines, messages, readings, fates, plant };
}

const { lines, messages, readings, fates, plant } = run(PLAN + DELIVERY, 2_400);

test("every reading leaves once, but for those that the truth says are lost", () => {
  const lost = fates.flatMap((line) => (line.isLost === true ? line.readings : []));
  const left = messages.flatMap(({ numbers }) => numbers);
  expect(lost.length).toBeGreaterThan(20);
  expect([...left, ...lost].toSorted((one, other) => one - other)).toEqual(
    readings.map((_, index) => index + 1),
  );
  expect([...plant.waitingNumbers()]).toEqual([]);
});

test("what comes twice, comes as the same bytes; what is spoilt is not what was said", () => {
  const again = fates.filter((line) => line.again !== undefined);
  const said = new Set(messages.flatMap(({ numbers, payload }) => (numbers.length > 0 ? [payload] : [])));
  const copies = messages.filter(({ numbers, topic }) => numbers.length === 0 && !topic.endsWith("/state"));
  expect(again.length).toBeGreaterThan(50);
  expect(copies).toHaveLength(again.length);
  expect(copies.every(({ payload }) => said.has(payload))).toBe(true);
  const spoilt = new Set(fates.flatMap((line) => (line.malformed === undefined ? [] : line.readings)));
  expect(spoilt.size).toBeGreaterThan(20);
  for (const { numbers, payload, topic } of messages) {
    if (!topic.endsWith("/temperature") || numbers.length === 0) continue;
    const { value, time } = readings[numbers[0] - 1];
    const whole = `{"temperature":${value},"ts":${time}}`;
    expect(payload === whole).toBe(!spoilt.has(numbers[0]));
  }
});

test("what arrives does so in the order of its time, and out of the order in which it was said", () => {
  const dueOf = new Map(fates.flatMap((line) => line.readings.map((number) => [number, line.due] as const)));
  const arrivals = messages
    .flatMap(({ numbers }) => numbers.slice(-1))
    .map((number) => {
      const { time } = readings[number - 1];
      return { number, dueMs: dueOf.get(number) ?? time };
    });
  const dues = arrivals.map(({ dueMs }) => dueMs);
  expect(dues).toEqual(dues.toSorted((one, other) => one - other));
  const earlier = arrivals.filter(({ number }, index) => index > 0 && number < arrivals[index - 1].number);
  expect(earlier.length).toBeGreaterThan(100);
});

function differencesOf(truth: readonly TruthLine[]) {
  const again = new RepeatedRun({ path: "truth.jsonl", record: () => {} });
  const read = truth
    .map((line) => parseTruthLine(formatTruthLine(line)))
    .filter((line) => line !== undefined);
  const differences = read.map((line) => again.onLine(line)).filter((difference) => difference !== null);
  expect(again.lineCount).toBe(truth.length - differences.length);
  return differences;
}

test("the run is made again from its truth, fates and all", () => {
  expect(differencesOf(lines)).toEqual([]);
});

test("one that a later process went on with is made again too: the fates are of the file's readings, not the process's", () => {
  const lastTimeMs = Math.max(...readings.map(({ time }) => time));
  const alarms = lines.filter((line): line is TruthAlarm => line.type === "alarm" || line.type === "cleared");
  const left = { plantStartMs: START_MS, lastTimeMs, readingCount: readings.length, unacked: [], alarms };
  const later = run(PLAN + DELIVERY, 400, left);
  expect(later.fates.length).toBeGreaterThan(100);
  expect(differencesOf([...lines, ...later.lines])).toEqual([]);
});

test("a shorter run is the beginning of a longer one, until its rest", () => {
  const shorter = run(PLAN + DELIVERY, 800).lines;
  const end = shorter.findIndex(({ type }) => type === "rest");
  expect(end).toBeGreaterThan(800);
  expect(lines.slice(0, end)).toEqual(shorter.slice(0, end));
});

test("delivery changes nothing in what is said", () => {
  expect(run(PLAN, 2_400).readings).toEqual(readings);
});
