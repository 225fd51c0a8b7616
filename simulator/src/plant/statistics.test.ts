// What the signals are like is what the plan asked for: deviation, shape and memory of the noise, rates of peaks, the
// load's course, the day's temperature, lengths of spells.
import {
  linearRegression,
  mean,
  sampleCorrelation,
  sampleKurtosis,
  sampleSkewness,
  sampleStandardDeviation,
} from "simple-statistics";
import { expect, test } from "vitest";
import { parsePlan } from "../plan/load-plan.ts";
import type { Metric } from "../plan/metric.ts";
import type { Plan } from "../plan/plan.ts";
import { MachineBlock } from "./machine-block.ts";
import { Machine } from "./machine.ts";
import { Weather } from "./weather.ts";

/** Monday. */
const START_MS = 1_767_571_200_000;

function planOf(text: string): Plan {
  return parsePlan(
    `version: 1
sites: { alpha: { broker: "mqtt://127.0.0.1:1883", lines: 1, machinesPerLine: 1 } }
${text}`,
    "plan",
  );
}

function generate(plan: Plan, ticks: number, machine = "machine-1") {
  const names = { site: "alpha", line: "line-1", machine };
  const block = new MachineBlock(plan.signals, ticks);
  new Machine({ plan, ...names, startMs: START_MS, plantStartMs: START_MS }).generate(block, ticks);
  const at = (metric: Metric): number[] => [
    ...block.values[plan.signals.findIndex((signal) => signal.metric === metric)],
  ];
  return { at, changes: block.changes, timeMs: block.timeMs };
}

/** Alone: the same machine without the sensor's noise is taken away. */
function noiseOf(metric: Metric, settings: string, ticks: number): number[] {
  const plan = (noise: string): Plan =>
    planOf(`readingsPerSecond: 1\nsignals: { ${metric}: { ${noise} } }\n`);
  const [with_, without] = [generate(plan(settings), ticks), generate(plan("noise: 0"), ticks)];
  const actual = without.at(metric);
  return with_.at(metric).map((value, at) => value - actual[at]);
}

const autocorrelation = (values: readonly number[], lag: number): number =>
  sampleCorrelation(values.slice(lag), values.slice(0, -lag));

/** Within four standard errors of a normal sample's deviation: 1 / √(2n) of it each. */
function expectDeviation(values: readonly number[], deviation: number): void {
  const error = Math.abs(sampleStandardDeviation(values) / deviation - 1);
  expect(error).toBeLessThan(4 / Math.sqrt(2 * values.length));
}

test.each([
  ["temperature", 0.5],
  ["pressure", 0.02],
] as const)("noise of %s is normal with the deviation %s, and each reading's is new", (metric, deviation) => {
  const noise = noiseOf(metric, `noise: ${deviation}`, 20_000);
  expect(Math.abs(mean(noise))).toBeLessThan((4 * deviation) / Math.sqrt(noise.length));
  expectDeviation(noise, deviation);
  expect(Math.abs(sampleSkewness(noise))).toBeLessThan(0.08);
  expect(Math.abs(sampleKurtosis(noise))).toBeLessThan(0.15);
  for (const lag of [1, 2, 10]) expect(Math.abs(autocorrelation(noise, lag))).toBeLessThan(0.03);
});

test.each([
  ["vibration", "noise: 0.06", 0.06 / 3],
  ["current", "noise: 0.4", 0.4 / 20],
  ["flow", "noise: 2.4", 2.4 / 120],
  ["rotation", "noise: 14.8", 14.8 / 1_480],
] as const)(
  "noise of %s is a share of what is measured, normal, and each reading's is new",
  (metric, settings, share) => {
    const noise = noiseOf(metric, settings, 20_000);
    const actual = generate(
      planOf(`readingsPerSecond: 1\nsignals: { ${metric}: { noise: 0 } }\n`),
      20_000,
    ).at(metric);
    const shares = noise.map((each, at) => each / actual[at]);
    expectDeviation(shares, share);
    expect(Math.abs(mean(shares))).toBeLessThan((4 * share) / Math.sqrt(shares.length));
    expect(Math.abs(sampleSkewness(shares))).toBeLessThan(0.08);
    expect(Math.abs(sampleKurtosis(shares))).toBeLessThan(0.15);
    for (const lag of [1, 2, 10]) expect(Math.abs(autocorrelation(shares, lag))).toBeLessThan(0.03);
  },
);

test("noise with a time constant forgets as it should: e^(−lag/τ)", () => {
  const noise = noiseOf("temperature", "noise: 0.5, noiseTau: 20s", 100_000);
  // Of readings that remember each other for 20 s only one in 20 is new.
  expectDeviation(
    noise.filter((_, at) => at % 20 === 0),
    0.5,
  );
  for (const lag of [1, 10, 20, 40])
    expect(Math.abs(autocorrelation(noise, lag) - Math.exp(-lag / 20))).toBeLessThan(0.06);
});

test("peaks come at their probability, with their height, and independently", () => {
  const noise = noiseOf("pressure", "noise: 0, spikes: { probability: 0.01, height: 2 }", 50_000);
  const peaks = noise.flatMap((each, at) => (Math.abs(each - 2) < 1e-9 ? [at] : []));
  expect(noise.filter((each) => each !== 0).length).toBe(peaks.length);
  expect(Math.abs(peaks.length - 500)).toBeLessThan(4 * Math.sqrt(50_000 * 0.01 * 0.99));
  const gaps = peaks.slice(1).map((at, index) => at - peaks[index]);
  // Of geometric gaps the deviation is about the mean: its standard error with a kurtosis of 9 is √(8 / 4n).
  const spread = sampleStandardDeviation(gaps) / mean(gaps);
  expect(Math.abs(spread - 1)).toBeLessThan(4 * Math.sqrt(8 / (4 * gaps.length)));
});

test("sensors' zeros wander with the deviation that was asked, each in its own direction", () => {
  const plan = planOf("readingsPerSecond: 0.01\nsignals: { temperature: { noise: 0, driftPerHour: 0.5 } }\n");
  const still = planOf("readingsPerSecond: 0.01\nsignals: { temperature: { noise: 0 } }\n");
  const slopes = Array.from({ length: 400 }, (_, index) => {
    const name = `machine-${index + 1}`;
    const [moved, sound] = [generate(plan, 100, name), generate(still, 100, name).at("temperature")];
    const points = moved
      .at("temperature")
      .map((value, at) => [(moved.timeMs[at] - START_MS) / 3_600_000, value - sound[at]]);
    return linearRegression(points).m;
  });
  expect(Math.abs(mean(slopes))).toBeLessThan(0.1);
  expectDeviation(slopes, 0.5);
});

test("load swings around its mean for about a minute, which current and speed show alike", () => {
  const plan = planOf("readingsPerSecond: 1\nsignals: { current: { noise: 0 }, rotation: { noise: 0 } }\n");
  const course = generate(plan, 100_000);
  const current = course.at("current");
  // 16 A at full load, of which the load swings by 0.08, and not beyond the full load.
  expect(sampleStandardDeviation(current) / (16 * 0.08)).toBeGreaterThan(0.9);
  expect(sampleStandardDeviation(current) / (16 * 0.08)).toBeLessThan(1.05);
  for (const lag of [30, 60, 120])
    expect(Math.abs(autocorrelation(current, lag) - Math.exp(-lag / 60))).toBeLessThan(0.06);
  expect(sampleCorrelation(current, course.at("rotation"))).toBeLessThan(-0.9);
});

test("counters rise with what they count: energy is the integral of the current, pieces come at their rate", () => {
  const plan = planOf("readingsPerSecond: 1\nsignals: { current: { noise: 0 }, energy: {}, pieces: {} }\n");
  const course = generate(plan, 7_200);
  const [energy, pieces] = [course.at("energy"), course.at("pieces")];
  const kilowattHours = course.at("current").reduce((sum, each) => sum + (each * 0.589) / 3_600, 0);
  expect(energy.at(-1)).toBeCloseTo(kilowattHours, 1);
  expect(pieces.at(-1)).toBe(3_600);
  expect(energy.every((each, at) => at === 0 || each >= energy[at - 1])).toBe(true);
});

test("temperature is load and hall through one time constant: the step response, and coolest at 3:00", () => {
  const weather = new Weather({
    plan: { meanCelsius: 20, dailySwingCelsius: 5, frontCelsius: 0 },
    seed: 1,
    site: "alpha",
    utcOffsetMinutes: 60,
  });
  expect(weather.celsiusAt(START_MS + 2 * 3_600_000)).toBeCloseTo(15, 9);
  expect(weather.celsiusAt(START_MS + 14 * 3_600_000)).toBeCloseTo(25, 9);

  const plan = planOf(
    "readingsPerSecond: 10\nsignals: { temperature: { noise: 0 } }\nheat: { tau: 100s }\nduty: { restart: never }\n",
  );
  const names = { site: "alpha", line: "line-1", machine: "machine-1" };
  const machine = new Machine({ plan, ...names, startMs: START_MS, plantStartMs: START_MS });
  const block = new MachineBlock(plan.signals, 10_000);
  machine.generate(block, 1);
  const hot = block.values[0][0];
  machine.stop();
  machine.generate(block, 1_000);
  const ambient = new Weather({
    plan: plan.weather,
    seed: plan.seed,
    site: "alpha",
    utcOffsetMinutes: 0,
  }).celsiusAt(START_MS);
  // After one time constant 63 % of the way is gone.
  expect((hot - block.values[0][999]) / (hot - ambient)).toBeCloseTo(1 - Math.exp(-1), 2);
});

test("without its fan a machine cools by the longer time constant", () => {
  const plan = planOf(
    "readingsPerSecond: 10\nsignals: { temperature: { noise: 0 } }\nheat: { tau: 20s, stillTau: 100s }\nweather: { dailySwingCelsius: 0 }\nduty: { restart: never }\n",
  );
  const names = { site: "alpha", line: "line-1", machine: "machine-1" };
  const machine = new Machine({ plan, ...names, startMs: START_MS, plantStartMs: START_MS });
  const block = new MachineBlock(plan.signals, 1_000);
  machine.generate(block, 1);
  const [hot, ambient] = [block.values[0][0], plan.weather.meanCelsius];
  machine.stop();
  machine.generate(block, 1_000);
  expect((hot - block.values[0][999]) / (hot - ambient)).toBeCloseTo(1 - Math.exp(-1), 2);
});

test("a waveform moves as fast as the vibration sensor beside it says, sound and worn", () => {
  const plan = planOf(`readingsPerSecond: 1
signals: { vibration: { noise: 0 } }
waveform: { every: 1m, samples: 16384, sampleHz: 20480 }
faults:
  - { fault: bearing-wear, machine: alpha/line-1/machine-1, at: 20m, growth: 20m, defect: outer-race, vibration: 6 }
`);
  const { at, changes } = generate(plan, 3_600);
  const vibration = at("vibration");
  const waveforms = changes.filter((change) => change.type === "waveform");
  expect(waveforms.length).toBeGreaterThan(50);
  for (const { tick, waveform } of waveforms) {
    const said = vibration[tick - 1] ?? vibration[tick];
    expect(Math.abs(velocityOf(waveform.values, waveform.rotationHz, 20_480) / said - 1)).toBeLessThan(0.05);
  }
  expect(Math.max(...vibration)).toBeGreaterThan(6);
});

/** Of the shaft's three harmonics, by what each has in common with its sine and cosine: mm/s RMS. */
function velocityOf(values: Float32Array, rotationHz: number, sampleHz: number): number {
  // As many whole turns as there are.
  const turns = Math.floor((values.length * rotationHz) / sampleHz);
  const length = Math.round((turns * sampleHz) / rotationHz);
  const squares = [1, 2, 3].map((harmonic) => {
    const radians = (2 * Math.PI * harmonic * rotationHz) / sampleHz;
    let [sine, cosine] = [0, 0];
    for (let at = 0; at < length; at += 1) {
      sine += (2 / length) * values[at] * Math.sin(radians * at);
      cosine += (2 / length) * values[at] * Math.cos(radians * at);
    }
    return (sine * sine + cosine * cosine) / 2 / (2 * Math.PI * harmonic * rotationHz) ** 2;
  });
  return 1_000 * Math.sqrt(squares.reduce((sum, each) => sum + each, 0));
}

test("warm and cold days: their means deviate as asked, and a day's is not the next one's", () => {
  const weather = new Weather({
    plan: { meanCelsius: 20, dailySwingCelsius: 0, frontCelsius: 3 },
    seed: 7,
    site: "alpha",
    utcOffsetMinutes: 0,
  });
  const midnights = Array.from({ length: 2_000 }, (_, day) => weather.celsiusAt(START_MS + day * 86_400_000));
  expectDeviation(midnights, 3);
  expect(Math.abs(autocorrelation(midnights, 1))).toBeLessThan(0.08);
});

test("spells are as long as was asked, and shifts begin and end by the site's wall clock", () => {
  const plan = planOf(`readingsPerSecond: 1
signals: { rotation: {} }
duty:
  start: 5s
  run: [4m, 8m]
  idle: 1m
  utcOffset: "+02:00"
  shifts: [{ days: [mon, tue], from: "22:00", to: "06:00" }]
`);
  const { changes, timeMs } = generate(plan, 3 * 86_400);
  const states = changes.flatMap((each) =>
    each.type === "state" ? [{ state: each.state, time: timeMs[each.tick] }] : [],
  );
  const lengths = (state: string): number[] =>
    states.flatMap((each, at) =>
      each.state === state && (states[at + 1]?.state ?? "stopped") !== "stopped"
        ? [(states[at + 1].time - each.time) / 60_000]
        : [],
    );
  expect(mean(lengths("running"))).toBeGreaterThan(5.5);
  expect(mean(lengths("running"))).toBeLessThan(6.5);
  expect(Math.min(...lengths("running"))).toBeGreaterThan(4 - 0.02);
  expect(Math.max(...lengths("running"))).toBeLessThan(8 + 0.02);
  expect(mean(lengths("idle"))).toBeCloseTo(1, 1);
  const clock = (time: number): string => new Date(time).toISOString().slice(8, 16);
  expect(states.filter(({ state }) => state === "starting").map(({ time }) => clock(time))).toEqual([
    "05T20:00",
    "06T20:00",
  ]);
  expect(states.filter(({ state }) => state === "stopped").map(({ time }) => clock(time))).toEqual([
    "06T04:00",
    "07T04:00",
  ]);
});
