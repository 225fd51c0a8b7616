// The simulator's own judgement of which alarms must happen is that of an agent's detector, on readings that come late, twice,
// out of order or not at all.
import { expect, test } from "vitest";
import { LimitDetector } from "../../packages/detect/src/limit-detector.ts";
import { parsePlan } from "../../simulator/src/plan/load-plan.ts";
import { RecordedPlant } from "../../simulator/src/plant/recorded-plant.ts";
import type { TruthLine, TruthReading } from "../../simulator/src/truth/truth-line.ts";

const START_MS = 1_767_225_600_000;
const LIMIT = { kind: "above", limit: 80, clear: 75, forAtLeastMs: 0 } as const;
const STANDING = { level: null, severity: 1, limit: 80, isActing: false };
const PLAN = `version: 1
readingsPerSecond: 10
sites: { alpha: { broker: "mqtt://127.0.0.1:1", qos: 0, lines: 2, machinesPerLine: 2 } }
signals: { temperature: {} }
heat: { tau: 3s }
faults:
  - { fault: overheating, machine: alpha/line-1/machine-1, at: 5s, for: 10s, targetCelsius: 200 }
  - { fault: noise, sensor: alpha/line-2/machine-1/temperature, at: 5s, for: 20s, factor: 80 }
  - { fault: clock, machine: alpha/line-2/machine-1, at: 10s, for: 5s, offsetMs: -2300 }
rules: { hot: { metric: temperature, above: 80, clearBelow: 75 } }
`;
const DELIVERY = `delivery:
  lateness: { distribution: pareto, least: 50ms, shape: 0.7, max: 20s }
  reorder: { probability: 0.1, by: 2s }
  duplicates: { probability: 0.05, within: 3s }
  loss: { probability: 0.02 }
  malformed: { probability: 0.02 }
`;

test.each(["", DELIVERY])("%#: the same alarms, raised and cleared by the same readings", (delivery) => {
  const readings: TruthReading[] = [];
  const steps: string[] = [];
  const record = (line: TruthLine): void => {
    if (line.type === "reading") readings.push(line);
    else if (line.type === "alarm" || line.type === "cleared")
      steps.push(`${line.type} ${line.line}/${line.machine} ${line.time}`);
  };
  const plan = parsePlan(PLAN + delivery, "plan.yaml");
  const plant = new RecordedPlant({ plan, startMs: START_MS, recovery: null, record });
  const detector = new LimitDetector(LIMIT, { raiseLateMsMax: 5_000, futureMsMax: 5_000 }, STANDING);
  const machines: string[] = [];
  const expected: string[] = [];
  const judge = (payload: string, place: string): void => {
    const [, value, time] = /^{"temperature":(-?[\d.]+),"ts":(\d+)}$/.exec(payload) ?? [];
    if (time === undefined) return;
    if (!machines.includes(place)) machines.push(place);
    const series = machines.indexOf(place);
    const was = detector.isRaised(series);
    detector.judge(series, Number(value), Number(time), true, START_MS + 3_600_000);
    if (detector.isRaised(series) !== was) expected.push(`${was ? "cleared" : "alarm"} ${place} ${time}`);
  };
  const seen = new Set<string>();
  const take = (messages: ReturnType<RecordedPlant["rest"]>): void => {
    for (const { topic, payload, machine } of messages) {
      if (seen.has(`${topic} ${payload.toString()}`)) continue;
      seen.add(`${topic} ${payload.toString()}`);
      judge(payload.toString(), `${machine.line}/${machine.machine}`);
    }
  };
  while (plant.stepCount < 2_400) take(plant.step().messages);
  take(plant.rest());
  expect(steps.length).toBeGreaterThan(20);
  expect(steps).toEqual(expected);
});
