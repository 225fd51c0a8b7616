// The command line of the benchmarks and the shape of what they say; never how quick anything is.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Bench } from "./bench.ts";
import { BoundedSample } from "./measure/bounded-sample.ts";
import { jsonLine } from "./measure/json-line.ts";
import { thisMachine } from "./measure/machine.ts";
import { measureRates } from "./measure/rates.ts";
import { median, percentile, rounded } from "./measure/statistics.ts";

interface Run {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

function bench(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, "run.ts"), ...args], (error, out, err) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

const trivial: Bench = {
  name: "trivial",
  summary: "additions beside additions",
  async run() {
    const add = () => ({ units: 1_000, checkSum: Array.from({ length: 1_000 }, Math.sqrt).length });
    const { ours, peer } = measureRates({ ours: add, peer: add }, { warmupRounds: 1, rounds: 3 });
    return {
      value: rounded(ours.perSecond),
      unit: "additions/s",
      better: "higher",
      peer: { name: "itself", value: rounded(peer.perSecond) },
      further: { spread: rounded(ours.spread) },
    };
  },
};

test("--help names every benchmark that has a file", async () => {
  const { exitCode, out } = await bench("--help");
  const named = [...out.matchAll(/^ {2}([a-z]+-[a-z-]+) /gm)].map(([, name]) => name);
  const files = readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[a-z]+-[a-z-]+\.ts$/.test(entry.name))
    .map(({ name }) => name.slice(0, -".ts".length));
  expect(exitCode).toBe(0);
  expect(named.toSorted()).toEqual(files.toSorted());
});

test("an unknown benchmark is refused with the nearest name", async () => {
  const { exitCode, err } = await bench("engine-pane");
  expect(exitCode).toBe(2);
  expect(err).toContain("did you mean engine-panes?");
});

test("an unknown flag is refused", async () => {
  expect((await bench("engine-panes", "--quik")).exitCode).toBe(2);
});

test("a benchmark ends with one line of JSON that says what was measured, beside what and where", async () => {
  const report = await trivial.run({ isQuick: true, say: () => {} });
  const line = jsonLine(trivial.name, report, thisMachine());
  expect(line).not.toContain("\n");
  expect(JSON.parse(line)).toEqual({
    bench: "trivial",
    value: expect.any(Number),
    unit: "additions/s",
    better: "higher",
    peer: { name: "itself", value: expect.any(Number) },
    ratio: expect.any(Number),
    spread: expect.any(Number),
    machine: {
      cpu: expect.any(String),
      cores: expect.any(Number),
      memoryBytes: expect.any(Number),
      node: process.versions.node,
      platform: expect.any(String),
      loadAtStart: expect.any(Number),
    },
  });
});

test("medians, percentiles and rounding", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
  expect([percentile([5, 1, 3], 0.5), percentile([5, 1, 3], 0.99), percentile([], 1)]).toEqual([
    3,
    5,
    Number.NaN,
  ]);
  expect([rounded(1_234_567), rounded(0.012_345_6), rounded(Number.NaN)]).toEqual([
    1_235_000,
    0.012_35,
    Number.NaN,
  ]);
});

test("a sample of very many values stays small, and knows the greatest", () => {
  const sample = new BoundedSample();
  for (let value = 0; value < 1_000_000; value += 1) sample.add((value * 7_919) % 1_000_000);
  const { values, max } = sample.take();
  expect(values.length).toBeLessThan(65_536);
  expect(max).toBe(999_999);
  for (const share of [0.01, 0.5, 0.99])
    expect(Math.abs(percentile(values, share) / 1e6 - share)).toBeLessThan(0.01);
  expect(sample.take().values).toEqual([]);
});
