// Each fault does to its machine or sensor what its name says: nothing before its onset, all of it when grown, nothing
// after its end; and the same machine without it is otherwise the same.
import { expect, test } from "vitest";
import { parsePlan } from "../plan/load-plan.ts";
import type { Metric } from "../plan/metric.ts";
import { MachineBlock, type MachineChange } from "../plant/machine-block.ts";
import { Machine } from "../plant/machine.ts";
import { Plant } from "../plant/plant.ts";

const START_MS = 1_767_225_600_000;
/** One tick a second. */
const HEAD = `version: 1
readingsPerSecond: 1
sites: { alpha: { broker: "mqtt://127.0.0.1:1883", lines: 1, machinesPerLine: 1 } }
signals: { temperature: {}, vibration: {}, pressure: {}, current: {}, flow: {}, rotation: {}, energy: {}, pieces: {} }
`;
const TICKS = 3_000;

interface Course {
  readonly columns: ReadonlyMap<Metric, Float64Array>;
  readonly timeMs: Float64Array;
  readonly stampMs: Float64Array;
  readonly changes: readonly MachineChange[];
}

function courseOf(faults: readonly string[]): Course {
  const list = faults.length === 0 ? "" : `faults:\n${faults.map((fault) => `  - { ${fault} }\n`).join("")}`;
  const plan = parsePlan(HEAD + list, "plan");
  const names = { site: "alpha", line: "line-1", machine: "machine-1" };
  const machine = new Machine({ plan, ...names, startMs: START_MS, plantStartMs: START_MS });
  const block = new MachineBlock(plan.signals, TICKS);
  machine.generate(block, TICKS);
  const columns = new Map(plan.signals.map(({ metric }, index) => [metric, block.values[index]]));
  return { columns, timeMs: block.timeMs, stampMs: block.stampMs, changes: block.changes };
}

const sound = courseOf([]);
const MACHINE = "machine: alpha/line-1/machine-1";
const sensor = (metric: Metric): string => `sensor: alpha/line-1/machine-1/${metric}`;

/** With the fault less without it, over the ticks. */
function difference(course: Course, metric: Metric, [from, to]: readonly [number, number]): number[] {
  const [one, other] = [course.columns.get(metric), sound.columns.get(metric)];
  return Array.from(
    { length: to - from },
    (_, at) => (one?.[from + at] ?? NaN) - (other?.[from + at] ?? NaN),
  );
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, each) => sum + each, 0) / values.length;
/** The first tick at or after the second. */
const unchanged = (course: Course, except: readonly Metric[]): void => {
  for (const [metric, column] of sound.columns)
    if (!except.includes(metric)) expect(course.columns.get(metric)).toEqual(column);
};
const stepsOf = ({ changes }: Course): string[] =>
  changes.flatMap((each) =>
    each.type === "fault"
      ? [`${each.fault.fault} ${each.step} ${Math.floor((each.time - START_MS) / 1_000)}`]
      : [],
  );

test("overheating: the temperature grows towards its target and comes back", () => {
  const course = courseOf([
    `fault: overheating, ${MACHINE}, at: 600s, growth: 300s, for: 600s, targetCelsius: 150`,
  ]);
  expect(stepsOf(course)).toEqual(["overheating onset 600", "overheating full 900", "overheating end 1200"]);
  expect(difference(course, "temperature", [0, 600]).every((each) => each === 0)).toBe(true);
  const celsius = course.columns.get("temperature") ?? [];
  const half = mean(difference(course, "temperature", [755, 765]));
  const whole = mean(difference(course, "temperature", [1_000, 1_200]));
  expect(half / whole).toBeCloseTo(0.5, 1);
  expect(mean(Array.from(celsius).slice(1_000, 1_200))).toBeCloseTo(150, 0);
  expect(Math.abs(mean(difference(course, "temperature", [1_400, 3_000])))).toBeLessThan(1e-3);
  unchanged(course, ["temperature", "vibration"]);
});

test("bearing wear: vibration grows with the square of its time, the machine warms a little", () => {
  const course = courseOf([
    `fault: bearing-wear, ${MACHINE}, at: 500s, growth: 2000s, defect: ball, vibration: 6`,
  ]);
  expect(stepsOf(course)).toEqual(["bearing-wear onset 500", "bearing-wear full 2500"]);
  expect(difference(course, "vibration", [0, 500]).every((each) => each === 0)).toBe(true);
  const added = (from: number, to: number): number => {
    const [one, other] = [course.columns.get("vibration"), sound.columns.get("vibration")];
    let sum = 0;
    for (let at = from; at < to; at += 1)
      sum += Math.sqrt((one?.[at] ?? 0) ** 2 - (other?.[at] ?? 0) ** 2) / (to - from);
    return sum;
  };
  expect(added(2_600, 3_000)).toBeGreaterThan(5.6);
  expect(added(2_600, 3_000)).toBeLessThan(6.4);
  expect(added(1_490, 1_510) / added(2_600, 3_000)).toBeCloseTo(0.25, 1);
  expect(mean(difference(course, "temperature", [2_700, 3_000]))).toBeCloseTo(6, 1);
  unchanged(course, ["vibration", "temperature"]);
});

test("leak: pressure is lost, flow is added, by the share that was asked", () => {
  const course = courseOf([`fault: leak, ${MACHINE}, at: 500s, growth: 100s, for: 1000s, share: 0.3`]);
  const ratio = (metric: Metric, from: number, to: number): number =>
    mean([...(course.columns.get(metric)?.slice(from, to) ?? [])]) /
    mean([...(sound.columns.get(metric)?.slice(from, to) ?? [])]);
  expect(ratio("pressure", 700, 1_500)).toBeCloseTo(0.7, 2);
  expect(ratio("flow", 700, 1_500)).toBeCloseTo(1.3, 2);
  expect(difference(course, "pressure", [0, 500]).every((each) => each === 0)).toBe(true);
  expect(ratio("pressure", 1_600, 3_000)).toBeCloseTo(1, 4);
  unchanged(course, ["pressure", "flow"]);
});

test("stuck: the last value before it, again and again, until its end", () => {
  const course = courseOf([`fault: stuck, ${sensor("pressure")}, at: 500s, for: 1000s`]);
  const column = course.columns.get("pressure") ?? new Float64Array();
  expect(new Set(column.slice(499, 1_499)).size).toBe(1);
  expect(column[499]).toBe(sound.columns.get("pressure")?.[499]);
  expect(difference(course, "pressure", [1_500, 3_000]).every((each) => each === 0)).toBe(true);
  unchanged(course, ["pressure"]);
});

test("drift: the zero wanders by what was asked, and is right again after the end", () => {
  const course = courseOf([
    `fault: drift, ${sensor("temperature")}, at: 500s, growth: 1000s, for: 2000s, by: -5`,
  ]);
  expect(mean(difference(course, "temperature", [990, 1_010]))).toBeCloseTo(-2.5, 1);
  expect(mean(difference(course, "temperature", [1_600, 2_400]))).toBeCloseTo(-5, 3);
  expect(difference(course, "temperature", [2_500, 3_000]).every((each) => each === 0)).toBe(true);
  unchanged(course, ["temperature"]);
});

test("noise: its deviation becomes the factor's", () => {
  const course = courseOf([`fault: noise, ${sensor("temperature")}, at: 500s, for: 2000s, factor: 8`]);
  const differences = difference(course, "temperature", [500, 2_500]);
  const deviation = Math.sqrt(mean(differences.map((each) => each * each)));
  // 8 − 1 times the sensor's 0.3 °C on top.
  expect(deviation).toBeGreaterThan(7 * 0.3 * 0.95);
  expect(deviation).toBeLessThan(7 * 0.3 * 1.05);
  unchanged(course, ["temperature"]);
});

test("spikes and dropout: at the probability that was asked", () => {
  const course = courseOf([
    `fault: spikes, ${sensor("current")}, at: 500s, for: 2000s, probability: 0.1, height: 40`,
    `fault: dropout, ${sensor("rotation")}, at: 500s, growth: 1s, for: 2000s, probability: 0.25`,
  ]);
  const spikes = difference(course, "current", [500, 2_500]).filter((each) => each > 39.9).length;
  const lost = difference(course, "rotation", [500, 2_500]).filter(Number.isNaN).length;
  // Four deviations of the binomial.
  expect(Math.abs(spikes - 200)).toBeLessThan(4 * Math.sqrt(2_000 * 0.1 * 0.9));
  expect(Math.abs(lost - 500)).toBeLessThan(4 * Math.sqrt(2_000 * 0.25 * 0.75));
  expect(difference(course, "rotation", [2_500, 3_000]).every((each) => each === 0)).toBe(true);
  unchanged(course, ["current", "rotation"]);
});

test("swapped: each sensor says what the other measures", () => {
  const course = courseOf([`fault: swapped, ${MACHINE}, at: 500s, for: 1000s, metrics: [temperature, flow]`]);
  const part = (of: Course, metric: Metric): Float64Array | undefined =>
    of.columns.get(metric)?.slice(500, 1_500);
  expect(part(course, "temperature")).toEqual(part(sound, "flow"));
  expect(part(course, "flow")).toEqual(part(sound, "temperature"));
  unchanged(
    {
      ...course,
      columns: new Map([...course.columns].map(([metric, column]) => [metric, withPart(column, metric)])),
    },
    [],
  );
});

function withPart(column: Float64Array, metric: Metric): Float64Array {
  const restored = column.slice();
  restored.set(sound.columns.get(metric)?.slice(500, 1_500) ?? [], 500);
  return restored;
}

test("clock: the readings' own times are off by offset and drift, their values are not touched", () => {
  const course = courseOf([
    `fault: clock, ${MACHINE}, at: 500s, growth: 100s, for: 2000s, offsetMs: -1500, driftMsPerHour: 3600`,
  ]);
  const off = Array.from(course.stampMs, (stamp, at) => stamp - course.timeMs[at]);
  expect(off.slice(0, 500).every((each) => each === 0)).toBe(true);
  expect(off[550]).toBeGreaterThan(-750 + 50 - 20);
  expect(off[550]).toBeLessThan(-750 + 50 + 20);
  // 1 ms a second, so at 1,000 s after the onset 1,000 ms.
  expect(Math.abs(off[1_500] - (-1_500 + 1_000))).toBeLessThanOrEqual(2);
  expect(off.slice(2_500).every((each) => each === 0)).toBe(true);
  unchanged(course, []);
});

test("power cut: nothing is measured; the machine stands, its counters start anew, and it starts by itself", () => {
  const course = courseOf(["fault: power-cut, site: alpha, at: 1000s, for: 100s"]);
  for (const column of course.columns.values()) {
    expect(column.slice(1_000, 1_100).every(Number.isNaN)).toBe(true);
    expect(column.slice(0, 1_000).some(Number.isNaN) || column.slice(1_100).some(Number.isNaN)).toBe(false);
  }
  expect(course.changes.flatMap((each) => (each.type === "state" ? [each.state] : []))).toEqual([
    "stopped",
    "starting",
    "running",
  ]);
  expect(course.columns.get("pieces")?.[999]).toBeGreaterThan(400);
  expect(course.columns.get("pieces")?.[1_110]).toBeLessThan(10);
  expect(course.columns.get("temperature")?.[1_100]).toBeLessThan(30);
});

test("a clock that is set back by whole periods says some things twice, and the truth knows which", () => {
  const fault = `  - { fault: clock, ${MACHINE}, at: 10s, for: 20s, offsetMs: 5000 }\n`;
  const stuck = `  - { fault: stuck, ${sensor("pressure")}, at: 5s }\n`;
  const plant = new Plant(parsePlan(`${HEAD}faults:\n${fault}${stuck}`, "plan"), START_MS);
  const said = new Map<string, number>();
  for (let step = 0; step < 60; step += 1) {
    for (const { metric, time, value, trueTime, isRepeated } of plant.step().readings) {
      const key = `${metric} ${time} ${value}`;
      expect(isRepeated === true).toBe(said.has(key));
      said.set(key, (said.get(key) ?? 0) + 1);
      if (trueTime !== undefined) expect(time - trueTime).toBe(5_000);
    }
  }
  // Five seconds' readings of the stuck sensor.
  expect([...said].filter(([key, count]) => key.startsWith("pressure") && count === 2)).toHaveLength(5);
});

test("a clock that is set back by an order says some things twice, and the truth knows which", () => {
  const stuck = `  - { fault: stuck, ${sensor("pressure")}, at: 5s }\n`;
  const plant = new Plant(parsePlan(`${HEAD}faults:\n${stuck}`, "plan"), START_MS);
  const said = new Map<string, number>();
  const go = (steps: number): void => {
    for (let step = 0; step < steps; step += 1)
      for (const { metric, time, value, isRepeated } of plant.step().readings) {
        const key = `${metric} ${time} ${value}`;
        expect([key, isRepeated === true]).toEqual([key, said.has(key)]);
        said.set(key, (said.get(key) ?? 0) + 1);
      }
  };
  go(20);
  const [site, line, machine] = ["alpha", "line-1", "machine-1"];
  const atMs = plant.sinceStartMs;
  const times = { number: 2, atMs, growthMs: 0, endMs: atMs + 10_000 };
  plant.addFault({ fault: "clock", site, line, machine, ...times, offsetMs: -3_000, driftMsPerHour: 0 });
  go(40);
  expect([...said].filter(([key, count]) => key.startsWith("pressure") && count === 2)).toHaveLength(3);
});
