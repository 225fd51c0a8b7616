// Delivery as it really is, against real agents and central: every format by every way (MQTT, Sparkplug B, HTTP, files), late, out of
// order, twice, spoilt and lost, and what central shows and counts is what the truth says.
import { expect, test } from "vitest";
import { CentralHarness } from "./central-harness.ts";
import { expectRepeat } from "./expect-repeat.ts";
import { expectVerdict } from "./expect-verdict.ts";
import { SiteHarness } from "./site-harness.ts";
import { Works } from "./works.ts";

const SITES = ["alpha", "beta", "gamma", "delta"] as const;
type Site = (typeof SITES)[number];

const planOf = (
  ports: { readonly beta: number; readonly gamma: number },
  folder: string,
): string => `version: 1
seed: 11
readingsPerSecond: 10
sites:
  alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 2 }
  beta: { broker: "mqtt://127.0.0.1:${ports.beta}", lines: 2, machinesPerLine: 2, format: sparkplug }
  gamma: { http: { url: "http://127.0.0.1:${ports.gamma}" }, lines: 1, machinesPerLine: 2, format: influx }
  delta: { files: { folder: "${folder}", rotateBytes: 20000 }, lines: 1, machinesPerLine: 2, format: json }
signals:
  temperature: {}
  vibration: { format: senml }
  pressure: { format: array }
  current: { format: csv }
  flow: { format: influx }
  pieces: { format: number }
heat: { tau: 3s }
faults:
  - { fault: overheating, machine: alpha/line-1/machine-1, at: 2s, for: 4s, targetCelsius: 200 }
  - { fault: overheating, machine: beta/line-2/machine-2, at: 2s, for: 4s, targetCelsius: 200 }
rules: { hot: { metric: temperature, above: 80, clearBelow: 75 } }
delivery:
  lateness: { distribution: lognormal, median: 200ms, sigma: 1, max: 3s }
  reorder: { probability: 0.05, by: 1s }
  duplicates: { probability: 0.05, within: 1s }
  loss: { probability: 0.03 }
  silence: { every: 8s, for: [500ms, 1500ms] }
  malformed: { probability: 0.03 }
`;

const METRICS = ["temperature", "vibration", "pressure", "current", "flow", "pieces"] as const;
type Metric = (typeof METRICS)[number];
const time = { path: "$.ts", unit: "ms" };
const topic = (level: string): string => `factory/{site}/{line}/{machine}/${level}`;

/** How each site's own pipeline reads a metric. */
function sourceOf(site: Site, metric: Metric): object {
  const json = { value: `$.${metric}`, time };
  const influx = { measurement: "machine", field: metric };
  switch (site) {
    case "alpha":
      switch (metric) {
        case "temperature":
          return { topic: topic(metric), json };
        case "vibration":
          return { topic: topic("senml"), senml: { name: "urn:millrace:{device}:vibration" } };
        case "pressure":
          return { topic: topic(metric), json: { ...json, each: "$.readings" } };
        case "current":
          return { topic: topic(metric), csv: { value: "value", time: { column: "ts", unit: "ms" } } };
        case "flow":
          return { topic: topic("influx"), influx };
        case "pieces":
          return { topic: topic(metric), number: {} };
      }
    case "beta":
      return { sparkplug: { group: "{site}", node: "{line}", device: "{machine}", metric } };
    case "gamma":
      return { topic: "influx/machine", influx: { ...influx, labels: { line: "line", machine: "machine" } } };
    case "delta":
      return {
        topic: `lines/${metric}`,
        json: { ...json, labels: { line: "$.line", machine: "$.machine" } },
      };
  }
}

function pipelineOf(site: Site): object {
  const accumulate = ["count", "sum", "mean", "min", "max"];
  const metrics = METRICS.map((metric) => [
    metric,
    { unit: "1", from: sourceOf(site, metric), accumulate, live: true },
  ]);
  return {
    version: 1,
    metrics: Object.fromEntries(metrics),
    windows: Object.fromEntries(
      METRICS.map((metric) => [`${metric}_2s`, { metric, size: "2s", by: ["site", "line", "machine"] }]),
    ),
    rules: {
      hot: {
        metric: "temperature",
        when: { above: 80, clearBelow: 75, forAtLeast: "0s" },
        severity: 900,
      },
    },
  };
}

test(
  "every format by every way, with everything that befalls messages: windows, alarms and ledger are right",
  { timeout: 300_000 },
  async () => {
    const works = new Works();
    const folder = works.path("lines");
    const http = await works.freePort();
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: works.write("central-pipeline.yaml", pipelineOf("alpha")),
      agents: SITES.map((site) => ({ agent: site, site })),
    });
    const configs: Record<Site, object> = {
      alpha: {},
      beta: {},
      gamma: { inputs: { http: { port: http } } },
      delta: {
        inputs: {
          files: [{ path: `${folder}/delta/*.jsonl`, topic: "lines/{file}", interval: "100ms" }],
        },
      },
    };
    const agents = new Map<Site, SiteHarness>();
    for (const site of SITES) {
      const pipelinePath = works.write(`${site}-pipeline.yaml`, pipelineOf(site));
      const harness = { works, agent: site, site, pipelinePath, uplinkPort: central.intakePort };
      agents.set(site, await SiteHarness.prepare({ ...harness, config: { ...configs[site] } }));
    }
    const agentOf = (site: Site): SiteHarness => {
      const agent = agents.get(site);
      if (agent === undefined) throw new Error(`no agent of ${site}`);
      return agent;
    };
    await Promise.all([central.start(), ...[...agents.values()].map((agent) => agent.start())]);

    const plan = planOf({ beta: agentOf("beta").brokerPort, gamma: http }, folder);
    const [planPath, truthPath] = [works.write("plan.yaml", plan), works.path("truth.jsonl")];
    const broker = `alpha=mqtt://127.0.0.1:${agentOf("alpha").brokerPort}`;
    const args = ["run", "--plan", planPath, "--truth", truthPath, "--broker", broker, "--for", "9s"];
    const simulator = works.process("simulator", "simulator/src/main.ts", args);
    simulator.start();
    expect(await simulator.exit()).toBe(0);

    const { readings, windows, alarms, unjudged } = await expectVerdict(central, truthPath);
    expect(windows.map(({ window }) => window).toSorted()).toEqual(
      METRICS.filter((metric) => metric !== "pieces")
        .map((metric) => `${metric}_2s`)
        .toSorted(),
    );
    const timeless = unjudged.filter(({ why }) => why === "readings do not say their time");
    expect(timeless.map(({ what }) => what)).toEqual(["pieces_2s"]);
    expect(alarms.right).toBeGreaterThanOrEqual(2);
    expect(Math.min(readings.lost, readings.spoilt, readings.again)).toBeGreaterThan(0);
    expect(readings).toMatchObject({ unacked: 0, hasEnded: true });

    expectRepeat(truthPath);
  },
);
