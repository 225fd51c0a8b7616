// The simulator's own functions are those of mathematics, and every run on every machine has these very bits.
import { createHash } from "node:crypto";
import { cumulativeStdNormalProbability } from "simple-statistics";
import { expect, test } from "vitest";
import { normalQuantile } from "./normal-quantile.ts";
import { portableExp, portableLog, sineOfTurns, turnsOf } from "./portable-math.ts";
import { RandomStream, streamName } from "./random-stream.ts";

test("exp, log and sine agree with the engine's to 1e-14", () => {
  const random = new RandomStream("portable-math");
  for (let round = 0; round < 20_000; round += 1) {
    const x = (random.uniform() - 0.5) * 200;
    expect(Math.abs(portableExp(x) / Math.exp(x) - 1)).toBeLessThan(1e-14);
    const turns = (random.uniform() - 0.5) * 8;
    expect(Math.abs(sineOfTurns(turns) - Math.sin(2 * Math.PI * turns))).toBeLessThan(1e-14);
    const positive = random.uniform() * 10 ** Math.floor(random.uniform() * 12 - 6) + 1e-9;
    expect(Math.abs(portableLog(positive) - Math.log(positive))).toBeLessThan(1e-14 * 30);
  }
  expect([portableExp(0), portableExp(-1_000), portableExp(1_000), portableLog(1)]).toEqual([
    1,
    0,
    Infinity,
    0,
  ]);
});

test("the angle of a point agrees with the engine's, in every direction", () => {
  const random = new RandomStream("angle");
  for (let round = 0; round < 20_000; round += 1) {
    const [x, y] = [random.uniform() - 0.5, random.uniform() - 0.5];
    const turns = Math.atan2(y, x) / (2 * Math.PI);
    expect(Math.abs(turnsOf(x, y) - (turns < 0 ? turns + 1 : turns))).toBeLessThan(1e-14);
  }
  const axes = [
    [1, 0],
    [0, 1],
    [-1, 0],
    [0, -1],
    [0, 0],
  ] as const;
  expect(axes.map(([x, y]) => turnsOf(x, y))).toEqual([0, 0.25, 0.5, 0.75, 0]);
});

test.each([
  [0.5, 0],
  [0.75, 0.6744897501960817],
  [0.975, 1.959963984540054],
  [0.999, 3.090232306167813],
  [0.999999, 4.753424308822899],
  [1e-12, -7.034483825301131],
])("the quantile of %s is %s", (p, quantile) => {
  expect(normalQuantile(p)).toBeCloseTo(quantile, 5);
});

test("draws are normal: Kolmogorov and Smirnov find no difference in 100,000", () => {
  const random = new RandomStream("normal");
  const draws = Float64Array.from({ length: 100_000 }, () => random.normal()).sort();
  let distance = 0;
  draws.forEach((draw, rank) => {
    if (Math.abs(draw) < 3)
      distance = Math.max(distance, Math.abs(cumulativeStdNormalProbability(draw) - rank / draws.length));
  });
  // 1.95/√n at the level of 0.1 %, and the table of simple-statistics, which has two decimals of its argument.
  expect(distance).toBeLessThan(1.95 / Math.sqrt(draws.length) + 0.004);
});

test("streams of neighbouring names have nothing to do with each other", () => {
  const draws = (name: string): number[] => {
    const random = new RandomStream(name);
    return Array.from({ length: 10_000 }, () => random.normal());
  };
  const one = draws(streamName(1, "alpha", "line-1", "machine-1", "temperature"));
  for (const name of [
    streamName(1, "alpha", "line-1", "machine-1", "pressure"),
    streamName(1, "alpha", "line-1", "machine-2", "temperature"),
    streamName(2, "alpha", "line-1", "machine-1", "temperature"),
  ]) {
    const correlation = draws(name).reduce((sum, draw, index) => sum + draw * one[index], 0) / one.length;
    expect(Math.abs(correlation)).toBeLessThan(0.04);
  }
});

test("the bits are these on every machine", () => {
  const random = new RandomStream("golden");
  const values = Float64Array.from({ length: 30_000 }, (_, index) => {
    const draw = random.uniform() * 20 - 10;
    return [portableExp(draw), sineOfTurns(draw), random.normal()][index % 3];
  });
  expect(createHash("sha256").update(values).digest("hex")).toBe(
    "c3e37bd31d9402ec4928e0ce49221e3e9915df48fe13a325753a64859bf11952",
  );
});
