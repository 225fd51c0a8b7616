// Rules on windows at central, as processes: two simulated sites, and central killed twice in the middle. In the end the alarms are those that the truth's windows make, in the list and, once each, in the file beside it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AlarmView } from "../../central/src/alarms/alarm-view.ts";
import { CentralHarness } from "./central-harness.ts";
import { expectVerdict } from "./expect-verdict.ts";
import { ALPHA } from "./one-site.ts";
import { simulatedPipeline } from "./simulated-pipeline.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const BETA = { agent: "beta-1", site: "beta" } as const;
const PLAN = `version: 1
seed: 11
readingsPerSecond: 10
sites:
  alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 2 }
  beta: { broker: "mqtt://127.0.0.1:2", lines: 1, machinesPerLine: 2 }
signals: { temperature: {}, vibration: {} }
duty: { run: 3s, idle: 2s }
heat: { tau: 3s }
faults:
  - { fault: overheating, machine: alpha/line-1/machine-1, at: 3s, growth: 1s, for: 6s, targetCelsius: 200 }
  - { fault: spikes, sensor: beta/line-1/machine-2/vibration, at: 1s, for: 12s, probability: 0.05, height: 30 }
rules:
  overheating: { metric: temperature, above: 80, clearBelow: 75 }
`;
const central = (window: string, value: string, when: object) => ({
  at: "central",
  window,
  value,
  when,
  severity: 500,
});
const RULES = {
  hottest: central("temperature_2s", "max", { above: 80, clearBelow: 70 }),
  on_the_whole: central("temperature_2s", "mean", {
    levels: { low: { limit: 25 }, high: { limit: 45 }, highHigh: { limit: 60 } },
    hysteresis: 2,
  }),
  warming: central("temperature_2s", "mean", { rateOfChange: { above: 2, per: "1s" } }),
  knocks: central("vibration_1s", "max", { above: 15 }),
};

const PIPELINE = simulatedPipeline(
  {
    temperature_2s: { metric: "temperature", size: "2s", by: ["site"] },
    vibration_1s: { metric: "vibration", size: "1s" },
  },
  {},
  RULES,
);

/** The last word of a file of JSON lines on each alarm, and whether steps only rise. */
function alarmsOf(path: string): ReadonlyMap<string, AlarmView> {
  const last = new Map<string, AlarmView>();
  for (const line of readFileSync(path, "utf8").split("\n").filter(Boolean)) {
    const alarm: AlarmView = JSON.parse(line);
    expect(alarm.step).toBeGreaterThanOrEqual(last.get(`${alarm.agent} ${alarm.id}`)?.step ?? 0);
    last.set(`${alarm.agent} ${alarm.id}`, alarm);
  }
  return last;
}

test("rules over two sites, through kill -9 of central", { timeout: 120_000 }, async () => {
  const works = new Works();
  const pipelinePath = works.write("pipeline.yaml", PIPELINE);
  const folder = works.path("results");
  const plant = await CentralHarness.prepare({
    works,
    pipelinePath,
    agents: [ALPHA, BETA],
    config: { sinks: { file: { folder } } },
  });
  const sites = await Promise.all(
    [ALPHA, BETA].map((each) =>
      SiteHarness.prepare({ works, ...each, pipelinePath, uplinkPort: plant.intakePort }),
    ),
  );
  const [alpha] = sites;
  await Promise.all([plant.start(), ...sites.map((site) => site.start())]);
  const truthPath = works.path("truth.jsonl");
  const brokers = sites.flatMap(({ site, brokerPort }) => [
    "--broker",
    `${site}=mqtt://127.0.0.1:${brokerPort}`,
  ]);
  const plan = ["--plan", works.write("plan.yaml", PLAN), "--truth", truthPath];
  const simulator = works.process("simulator", "simulator/src/main.ts", [
    "run",
    ...plan,
    ...brokers,
    "--for",
    "16s",
  ]);
  simulator.start();
  await until("a rule of central has raised", async () =>
    (await plant.alarms()).some(({ rule, isActive }) => rule === "hottest" && isActive),
  );
  await plant.process.kill();
  await alpha.process.kill();
  await Promise.all([plant.start(), alpha.start()]);
  expect(await simulator.exit(60_000)).toBe(0);
  await Promise.all(sites.map((site) => site.delivered(30_000)));
  await Promise.all(sites.map((site) => site.process.stop()));

  const { windowRules } = await expectVerdict(plant, truthPath, 60_000);
  // The agents have left: the last windows wait for them.
  expect(windowRules.unjudged.filter(({ why }) => !why.includes("may change still"))).toEqual([]);
  const rights = Object.fromEntries(windowRules.verdicts.map(({ rule, right }) => [rule, right]));
  expect(Object.keys(rights).toSorted()).toEqual(Object.keys(RULES).toSorted());
  expect(Object.values(rights).every((right) => right > 0)).toBe(true);

  await until("nothing waits", async () => (await plant.sinks()).every(({ waiting }) => waiting === 0));
  const alarms = (await plant.alarms()).filter(({ rule }) => rule in RULES);
  const inFile = alarmsOf(join(folder, "alarms.jsonl"));
  for (const alarm of alarms) expect(inFile.get(` ${alarm.id}`)).toMatchObject(alarm);
  expect(await plant.process.stop()).toBe(0);
});
