// A machine's readings are a function of its own name, the plan, the start and its commands: not of blocks, nor of other
// machines and signals. It heats, stops, cools and starts again.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Metric } from "../plan/metric.ts";
import { parsePlan } from "../plan/load-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { MachineBlock, type MachineChange } from "./machine-block.ts";
import { Machine } from "./machine.ts";
import { Plant } from "./plant.ts";

/** Monday, 14 April 2025, 5:30 UTC. */
const START_MS = 1_744_608_600_000;
const SITES = `sites: { alpha: { broker: "mqtt://127.0.0.1:1883", lines: 1, machinesPerLine: 2 } }`;
const EVERYTHING = `version: 1
readingsPerSecond: 2
${SITES}
signals:
  temperature: { every: 1s, noiseTau: 5s }
  vibration: { spikes: { probability: 0.01, height: 8 } }
  pressure: {}
  current: {}
  flow: {}
  rotation: {}
  energy: { every: 10s }
  pieces: { every: 2s }
weather: { frontCelsius: 3 }
duty:
  run: [1m, 3m]
  idle: [10s, 40s]
  maintenance: { every: 30m, for: 1m }
  shifts: [{ days: [mon], from: "05:35", to: "06:00" }]
  countersResetAt: "05:45"
waveform: { every: 5m, samples: 256 }
faults:
  - { fault: overheating, machine: alpha/line-1/machine-1, at: 6m, growth: 1m, for: 5m, targetCelsius: 120 }
  - { fault: bearing-wear, machine: alpha/line-1/machine-1, at: 7m, growth: 10m, defect: ball, vibration: 4 }
  - { fault: leak, machine: alpha/line-1/machine-1, at: 7m, growth: 1m, for: 3m, share: 0.5 }
  - { fault: stuck, sensor: alpha/line-1/machine-1/pressure, at: 9m, for: 30s }
  - { fault: drift, sensor: alpha/line-1/machine-1/flow, at: 9m, growth: 2m, for: 5m, by: 30 }
  - { fault: noise, sensor: alpha/line-1/machine-1/flow, at: 9m, growth: 2m, for: 5m, factor: 5 }
  - { fault: spikes, sensor: alpha/line-1/machine-1/current, at: 9m, for: 5m, probability: 0.1, height: 50 }
  - { fault: dropout, sensor: alpha/line-1/machine-1/rotation, at: 9m, for: 5m, probability: 0.5 }
  - { fault: swapped, machine: alpha/line-1/machine-1, at: 12m, for: 2m, metrics: [temperature, pressure] }
  - { fault: clock, machine: alpha/line-1/machine-1, at: 13m, growth: 1m, for: 3m, offsetMs: 1500, driftMsPerHour: -600 }
  - { fault: power-cut, site: alpha, at: 18m, for: 1m }
`;
const TICKS = 2 * 60 * 35;

function machineOf(plan: Plan, machine = "machine-1"): Machine {
  return new Machine({
    plan,
    site: "alpha",
    line: "line-1",
    machine,
    startMs: START_MS,
    plantStartMs: START_MS,
  });
}

interface Course {
  readonly timeMs: number[];
  readonly stampMs: number[];
  readonly values: Map<Metric, number[]>;
  readonly changes: MachineChange[];
}

/** `blocks`: sizes, in turns. `between`: what is done after each. */
function courseOf(
  plan: Plan,
  options: { readonly ticks?: number; readonly blocks?: readonly number[]; readonly machine?: Machine } = {},
): Course {
  const { ticks = TICKS, blocks = [1_000], machine = machineOf(plan) } = options;
  const block = new MachineBlock(plan.signals, Math.max(...blocks));
  const course: Course = { timeMs: [], stampMs: [], values: new Map(), changes: [] };
  for (const { metric } of plan.signals) course.values.set(metric, []);
  for (let turn = 0; course.timeMs.length < ticks; turn += 1) {
    const done = course.timeMs.length;
    machine.generate(block, Math.min(blocks[turn % blocks.length], ticks - done));
    course.timeMs.push(...block.timeMs.subarray(0, block.count));
    course.stampMs.push(...block.stampMs.subarray(0, block.count));
    plan.signals.forEach(({ metric }, index) =>
      course.values.get(metric)?.push(...block.values[index].subarray(0, block.count)),
    );
    course.changes.push(...block.changes.map((change) => ({ ...change, tick: change.tick + done })));
  }
  return course;
}

test("in whatever blocks it is taken, a machine's course is the same, faults and all", () => {
  const plan = parsePlan(EVERYTHING, "plan");
  const whole = courseOf(plan);
  expect(new Set(whole.changes.map((change) => change.type))).toEqual(
    new Set(["state", "fault", "waveform"]),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 6 }), (blocks) => {
      expect(courseOf(plan, { blocks })).toEqual(whole);
    }),
    { numRuns: 15, seed: 6 },
  );
});

test("a shorter run is the beginning of a longer one", () => {
  const plan = parsePlan(EVERYTHING, "plan");
  const [short, long] = [courseOf(plan, { ticks: 1_500 }), courseOf(plan)];
  for (const [metric, values] of short.values)
    expect(long.values.get(metric)?.slice(0, 1_500)).toEqual(values);
});

test("other machines, other sites, other signals and other machines' faults change nothing", () => {
  const alone = courseOf(parsePlan(EVERYTHING, "plan"));
  const more = courseOf(
    parsePlan(
      EVERYTHING.replace(
        "machinesPerLine: 2 }",
        "machinesPerLine: 9 }, beta: { broker: mqtt://x:1, lines: 3, machinesPerLine: 3 }",
      )
        .replace("  current: {}\n", "  current: { noise: 7, spikes: { probability: 0.5, height: 1 } }\n")
        .concat("  - { fault: leak, machine: alpha/line-1/machine-2, at: 1s, share: 1 }\n"),
      "plan",
    ),
  );
  for (const [metric, values] of alone.values)
    if (metric !== "current") expect(more.values.get(metric)).toEqual(values);
  const fewer = courseOf(
    parsePlan(EVERYTHING.replace("  vibration: { spikes: { probability: 0.01, height: 8 } }\n", ""), "plan"),
  );
  expect(fewer.values.get("flow")).toEqual(alone.values.get("flow"));
});

test("the bytes are these, on every machine and in every process", () => {
  const { stampMs, values } = courseOf(parsePlan(EVERYTHING, "plan"));
  const hash = createHash("sha256").update(Float64Array.from(stampMs));
  // A NaN may have any bits.
  for (const column of values.values())
    hash.update(Float64Array.from(column, (value) => (Number.isNaN(value) ? -1 : value)));
  expect(hash.digest("hex")).toBe("187b53eb0da9d8a35df6c9ff18eb9d30c8b5e85dba25b24ced44e392612f2dab");
});

const OVERHEATING = parsePlan(
  `version: 1
readingsPerSecond: 10
${SITES.replace("machinesPerLine: 2", "machinesPerLine: 1")}
faults: [{ fault: overheating, machine: alpha/line-1/machine-1, at: 5s, targetCelsius: 160 }]
`,
  "plan",
);

test("an overheating machine passes its limit until stopped, then cools and restarts by itself", () => {
  const machine = machineOf(OVERHEATING);
  const temperatures = (seconds: number): number[] =>
    courseOf(OVERHEATING, { machine, ticks: seconds * 10 }).values.get("temperature") ?? [];

  expect(Math.max(...temperatures(5))).toBeLessThan(75);
  expect(Math.max(...temperatures(5))).toBeGreaterThan(80);
  expect(machine.stop()).toMatchObject({ isObeyed: true, changes: [{ type: "fault", step: "end" }] });
  expect(machine.stop()).toEqual({ isObeyed: false, changes: [] });
  const cooling = temperatures(15);
  expect(cooling.at(-1)).toBeLessThan(60);
  expect(machine.state).toBe("stopped");
  temperatures(15);
  expect(machine.state).toBe("running");
  expect(Math.max(...temperatures(60))).toBeLessThan(75);
});

test("a start warms the machine at once; a stop changes the machine and not the noise", () => {
  const [stopped, left] = [machineOf(OVERHEATING), machineOf(OVERHEATING)];
  const of = (machine: Machine, metric: Metric, seconds: number): number[] =>
    courseOf(OVERHEATING, { machine, ticks: seconds * 10 }).values.get(metric) ?? [];
  stopped.stop();
  const [cold, warm] = [of(stopped, "temperature", 4), of(left, "temperature", 4)];
  // What is left between two readings of the noise is the body's course, and that is smooth.
  const roughness = cold
    .map((value, at) => value - warm[at])
    .map((value, at, all) => Math.abs(value - (all[at - 1] ?? 0)));
  expect(Math.max(...roughness.slice(1))).toBeLessThan(0.6);
  expect(cold.at(-1)).toBeLessThan(warm.at(-1) ?? 0);
  expect(stopped.start()).toBe("obeyed");
  expect(stopped.start()).toBe("repeated");
  expect(stopped.state).toBe("starting");
  expect(of(stopped, "temperature", 30).at(-1)).toBeGreaterThan(cold.at(-1) ?? 0);
  expect(stopped.state).toBe("running");
});

test("a run that goes on knows the faults that are there, and none that are over", () => {
  const plan = parsePlan(EVERYTHING, "plan");
  const names = { site: "alpha", line: "line-1", machine: "machine-1" };
  const startMs = START_MS + 13 * 60_000;
  const machine = new Machine({ plan, ...names, startMs, plantStartMs: START_MS });
  const { changes } = courseOf(plan, { machine, ticks: 2 });
  const faults = changes.flatMap((each) =>
    each.type === "fault" && each.step === "onset" ? [each.fault.fault] : [],
  );
  // The overheating may have been ended by a command; leak and stuck are over.
  expect(faults).toEqual(["bearing-wear", "drift", "noise", "spikes", "dropout", "swapped", "clock"]);
});

test("while two cuts of the power overlap, it is gone until the later one ends", () => {
  const plan = parsePlan(
    EVERYTHING.concat("  - { fault: power-cut, site: alpha, at: 1110s, for: 2m }\n"),
    "plan",
  );
  const { values, timeMs } = courseOf(plan, { ticks: 2 * 60 * 22 });
  const silentMs = timeMs
    .filter((_, at) => Number.isNaN(values.get("flow")?.[at]))
    .map((time) => time - START_MS);
  expect(Math.min(...silentMs)).toBeLessThan(18 * 60_000 + 500);
  expect(Math.max(...silentMs)).toBeGreaterThan(20.5 * 60_000 - 1_000);
  expect(silentMs.length).toBe(2 * 150);
});

test("times are unique per series and ascend over the plant", () => {
  const plan = parsePlan(
    `version: 1\nreadingsPerSecond: 1000\nsites: { a: { broker: "mqtt://x:1", lines: 2, machinesPerLine: 2 } }\n`,
    "p",
  );
  const plant = new Plant(plan, 1_000);
  const seen = new Set<string>();
  let last = 0;
  for (let step = 0; step < 4_000; step++) {
    for (const { line, machine, metric, time } of plant.step().readings) {
      expect(time).toBeGreaterThanOrEqual(last);
      last = time;
      seen.add(`${line}/${machine}/${metric}/${time}`);
    }
  }
  expect(seen.size).toBe(12_000);
});
