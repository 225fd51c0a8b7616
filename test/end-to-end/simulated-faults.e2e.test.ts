// The simulator's own command against a real agent and central, with every kind of fault: whatever sensors, clocks, power and
// gateway do, central's windows and alarms are as the truth says, and the run is made again from the truth.
import { expect, test } from "vitest";
import { expectRepeat } from "./expect-repeat.ts";
import { expectVerdict } from "./expect-verdict.ts";
import { prepareOneSite } from "./one-site.ts";
import { machineMetric } from "./pipeline.ts";
import { simulatedPipeline } from "./simulated-pipeline.ts";
import { Works } from "./works.ts";

const at = "alpha/line-1";
const PLAN = `version: 1
seed: 7
readingsPerSecond: 10
sites: { alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 4 } }
signals: { temperature: {}, vibration: {}, pressure: { spikes: { probability: 0.01, height: 2 } } }
duty: { run: 3s, idle: 1s }
heat: { tau: 5s }
faults:
  - { fault: overheating, machine: ${at}/machine-1, at: 1s, growth: 1s, for: 7s, targetCelsius: 200 }
  - { fault: bearing-wear, machine: ${at}/machine-2, at: 1s, growth: 10s, defect: ball, vibration: 9 }
  - { fault: leak, machine: ${at}/machine-2, at: 1s, growth: 2s, for: 6s, share: 0.5 }
  - { fault: stuck, sensor: ${at}/machine-3/pressure, at: 1s, for: 8s }
  - { fault: drift, sensor: ${at}/machine-4/temperature, at: 1s, growth: 2s, for: 6s, by: 9 }
  - { fault: noise, sensor: ${at}/machine-4/pressure, at: 1s, for: 6s, factor: 20 }
  - { fault: spikes, sensor: ${at}/machine-4/vibration, at: 1s, for: 6s, probability: 0.2, height: 30 }
  - { fault: dropout, sensor: ${at}/machine-2/pressure, at: 2s, for: 6s, probability: 0.6 }
  - { fault: swapped, machine: ${at}/machine-2, at: 4s, for: 3s, metrics: [vibration, pressure] }
  - { fault: clock, machine: ${at}/machine-3, at: 3s, for: 4s, offsetMs: 2000 }
  - { fault: clock, machine: ${at}/machine-4, at: 3s, for: 4s, offsetMs: -1300, driftMsPerHour: 72000 }
  - { fault: power-cut, site: alpha, at: 8s, for: 1s }
  - { fault: gateway-reboot, site: alpha, at: 10s, for: 1s }
rules:
  overheating: { metric: temperature, above: 80, clearBelow: 75 }
`;

const ACCUMULATE = ["count", "sum", "mean", "min", "max", "range", "first", "last", "quantiles"];
const PIPELINE = simulatedPipeline(
  {
    temperature_2s: { metric: "temperature", size: "2s", by: ["site", "line", "machine"] },
    vibration_2s: { metric: "vibration", size: "2s", by: ["site", "machine"] },
    pressure_5s: { metric: "pressure", size: "5s", slide: "1s", by: ["site"] },
  },
  { pressure: { ...machineMetric("pressure", "1", "$.pressure"), accumulate: ACCUMULATE } },
);

test("every fault of the simulator at once: all windows and alarms right", { timeout: 300_000 }, async () => {
  const works = new Works();
  const { central, site } = await prepareOneSite(works, PIPELINE);
  await Promise.all([central.start(), site.start()]);

  const [planPath, truthPath] = [works.write("plan.yaml", PLAN), works.path("truth.jsonl")];
  const broker = `alpha=mqtt://127.0.0.1:${site.brokerPort}`;
  const simulator = works.process("simulator", "simulator/src/main.ts", [
    "run",
    "--plan",
    planPath,
    "--truth",
    truthPath,
    "--broker",
    broker,
    "--for",
    "13s",
  ]);
  simulator.start();
  expect(await simulator.exit()).toBe(0);
  await site.process.stop();

  const { readings, windows, alarms } = await expectVerdict(central, truthPath);
  expect(windows.map(({ window }) => window).toSorted()).toEqual([
    "pressure_5s",
    "temperature_2s",
    "vibration_2s",
  ]);
  const pressure = windows.find(({ window }) => window === "pressure_5s");
  expect(pressure?.compared.toSorted()).toEqual(
    [...ACCUMULATE.filter((name) => name !== "quantiles"), "stddev"].toSorted(),
  );
  expect(pressure?.uncompared).toEqual(["p50", "p90", "p95", "p99"]);
  expect(alarms.right).toBeGreaterThan(0);
  expect(readings).toMatchObject({ unacked: 0, hasEnded: true });
  // Of the stuck sensor whose clock was set back by whole periods.
  expect(readings.repeated).toBeGreaterThan(0);

  expectRepeat(truthPath);
});
