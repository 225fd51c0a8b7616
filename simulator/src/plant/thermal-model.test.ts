// Heat behaves: a machine closes on its target, runs away when told to, stops, cools and starts again.
import { expect, test } from "vitest";
import { parsePlan } from "../plan/load-plan.ts";
import { Plant } from "./plant.ts";
import { RandomStream } from "../signal/random-stream.ts";
import { ambientCelsius, ThermalModel } from "./thermal-model.ts";

test("after one time constant 63 % of the way is gone, in however many steps", () => {
  const once = new ThermalModel({ tauMs: 10_000, startCelsius: 20 });
  const often = new ThermalModel({ tauMs: 10_000, startCelsius: 20 });
  once.step(10_000, 120);
  for (let step = 0; step < 1_000; step++) often.step(10, 120);
  expect(once.celsius).toBeCloseTo(20 + 100 * (1 - Math.exp(-1)), 9);
  expect(often.celsius).toBeCloseTo(once.celsius, 9);
});

test("the hall is coolest at 3:00 and warmest at 15:00 UTC", () => {
  expect(ambientCelsius(3 * 3_600_000, 20, 5)).toBeCloseTo(15, 9);
  expect(ambientCelsius(15 * 3_600_000, 20, 5)).toBeCloseTo(25, 9);
});

test("noise has mean 0 and deviation 1; streams of other names differ", () => {
  const random = new RandomStream("1/alpha/line-1/machine-1");
  const draws = Array.from({ length: 20_000 }, () => random.normal());
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
  const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  expect(new RandomStream("1/a/b/c").uniform()).not.toBe(new RandomStream("1/a/b/d").uniform());
});

test("an overheating machine passes its limit until stopped, then cools and restarts by itself", () => {
  const plan = parsePlan(
    `version: 1
readingsPerSecond: 10
sites: { alpha: { broker: "mqtt://127.0.0.1:1883", lines: 1, machinesPerLine: 1 } }
signals: { spikeProbability: 0 }
events: [{ overheat: alpha/line-1/machine-1, at: 5s, targetCelsius: 160 }]
`,
    "plan.yaml",
  );
  const plant = new Plant(plan, 1_700_000_000_000);
  const temperatures = (seconds: number): number[] =>
    Array.from(
      { length: seconds * 10 },
      () => plant.step().readings.find((reading) => reading.metric === "temperature")?.value ?? NaN,
    );

  expect(Math.max(...temperatures(5))).toBeLessThan(75);
  expect(Math.max(...temperatures(5))).toBeGreaterThan(80);
  const machine = plant.machines[0];
  expect(machine?.stop()).toBe(true);
  expect(machine?.stop()).toBe(false);
  const cooling = temperatures(15);
  expect(cooling.at(-1)).toBeLessThan(60);
  expect(machine?.state).toBe("stopped");
  temperatures(15);
  expect(machine?.state).toBe("running");
  expect(Math.max(...temperatures(60))).toBeLessThan(75);
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
