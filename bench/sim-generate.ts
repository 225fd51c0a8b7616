import { MachineBlock } from "../simulator/src/plant/machine-block.ts";
import { Machine } from "../simulator/src/plant/machine.ts";
import { Plant } from "../simulator/src/plant/plant.ts";
import { parsePlan } from "../simulator/src/plan/load-plan.ts";
import type { Plan } from "../simulator/src/plan/plan.ts";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";

const MACHINES = 100;
const BLOCK_TICKS = 1_024;
const START_MS = 1_767_225_600_000;

/** Eight signals a machine, each with noise and spikes, a wandering zero, load, heat and spells of idling. */
const PLAN = `version: 1
readingsPerSecond: 10
sites: { alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: ${MACHINES} } }
signals:
  temperature: { driftPerHour: 0.2 }
  vibration: { driftPerHour: 0.05, spikes: { probability: 0.0005, height: 8 } }
  pressure: { driftPerHour: 0.02, noiseTau: 10s }
  current: {}
  flow: {}
  rotation: {}
  energy: {}
  pieces: {}
duty: { run: [5m, 20m], idle: [30s, 2m] }
`;
/** On every machine, all the time: a defect, a drifting sensor and a clock that is off. */
const FAULTS = Array.from({ length: MACHINES }, (_, index) => {
  const machine = `alpha/line-1/machine-${index + 1}`;
  return `  - { fault: bearing-wear, machine: ${machine}, at: 0s, growth: 30d, defect: ball, vibration: 5 }
  - { fault: drift, sensor: ${machine}/pressure, at: 0s, growth: 30d, by: 2 }
  - { fault: clock, machine: ${machine}, at: 0s, offsetMs: 250 }
`;
}).join("");

/** Readings made by column, block by block, beside one object a reading. */
export const simGenerate: Bench = {
  name: "sim-generate",
  summary: "the simulator's readings by column beside a generator that makes an object for each",
  async run({ isQuick }) {
    const blocks = isQuick ? 2 : 6;
    const plain = parsePlan(PLAN, "plan");
    const faulty = parsePlan(`${PLAN}faults:\n${FAULTS}`, "plan");
    const plant = new Plant(plain, START_MS);
    const columns = [columnsOf(plain), columnsOf(faulty)] as const;
    const rates = measureRates(
      {
        columns: () => columns[0](blocks),
        faulty: () => columns[1](blocks),
        steps: () => runSteps(plant, blocks),
        objects: () => runObjects(blocks),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 11 },
    );
    return {
      value: rounded(rates.columns.perSecond),
      unit: "readings/s",
      better: "higher",
      peer: { name: "an object a reading, Math.random", value: rounded(rates.objects.perSecond) },
      further: {
        spread: rounded(rates.columns.spread),
        faultyReadingsPerSecond: rounded(rates.faulty.perSecond),
        /** As the live plant makes them: in order of time, an object each. */
        stepReadingsPerSecond: rounded(rates.steps.perSecond),
        machines: MACHINES,
        signals: plain.signals.length,
        blockTicks: BLOCK_TICKS,
      },
    };
  },
};

/** Goes on with the same machines, round by round. */
function columnsOf(plan: Plan) {
  const machines = Array.from(
    { length: MACHINES },
    (_, index) =>
      new Machine({
        plan,
        site: "alpha",
        line: "line-1",
        machine: `machine-${index + 1}`,
        startMs: START_MS,
        plantStartMs: START_MS,
      }),
  );
  const block = new MachineBlock(plan.signals, BLOCK_TICKS);
  return (blocks: number) => {
    let checkSum = 0;
    for (let turn = 0; turn < blocks; turn += 1) {
      for (const machine of machines) {
        machine.generate(block, BLOCK_TICKS);
        for (const column of block.values) checkSum += column[BLOCK_TICKS - 1];
      }
    }
    return { units: blocks * MACHINES * BLOCK_TICKS * plan.signals.length, checkSum };
  };
}

function runSteps(plant: Plant, blocks: number) {
  const steps = blocks * BLOCK_TICKS * 10;
  let units = 0;
  let checkSum = 0;
  for (let step = 0; step < steps; step += 1) {
    const { readings } = plant.step();
    units += readings.length;
    checkSum += readings[0].value;
  }
  return { units, checkSum };
}

/** What a first program would do: the metrics' levels, Box and Muller's noise, an object a reading. */
function runObjects(blocks: number) {
  const levels = Object.entries({
    temperature: 55,
    vibration: 3,
    pressure: 5.7,
    current: 16,
    flow: 100,
    rotation: 1_460,
    energy: 10,
    pieces: 100,
  });
  let checkSum = 0;
  const ticks = blocks * BLOCK_TICKS;
  const batch = [];
  for (let tick = 0; tick < ticks; tick += 1) {
    batch.length = 0;
    const time = START_MS + tick * 100;
    for (let index = 0; index < MACHINES; index += 1) {
      const machine = `machine-${index + 1}`;
      for (const [metric, level] of levels) {
        const noise = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
        const value = Math.round((level + level * 0.01 * noise) * 1_000) / 1_000;
        batch.push({ site: "alpha", line: "line-1", machine, metric, time, value });
      }
    }
    checkSum += batch.length;
  }
  return { units: ticks * MACHINES * levels.length, checkSum };
}
