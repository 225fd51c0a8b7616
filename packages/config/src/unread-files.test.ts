// Files whose topic nothing reads: a warning at their place in agent.yaml.
import { expect, test } from "vitest";
import { loadAgentConfig } from "./load-agent-config.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem } from "./problem.ts";
import { unreadFiles } from "./unread-files.ts";

const load = (text: string) => ({ env: {}, readFile: () => text });

test("a file whose topic no metric and no evidence reads is a warning", () => {
  const agent = loadAgentConfig(
    "a.yaml",
    load(`version: 1
agent: a
site: s
inputs:
  files:
    - { path: a.log, topic: "bench/{file}" }
    - { path: b.log, topic: "bench/{file}/x" }
    - { path: c.log, topic: wave/1 }
    - { path: d.log, topic: bench }
uplink: { url: mqtt://central.example:1884 }
`),
  );
  const { config } = loadPipeline(
    "p.yaml",
    load(`version: 1
metrics:
  m: { unit: bar, from: { topic: "bench/{rig}", number: {} } }
evidence:
  wave: { topic: "wave/{rig}" }
`),
  );
  expect(unreadFiles(agent, config).map(formatProblem)).toEqual([
    "a.yaml:7:22: no metric reads bench/{file}/x: every line of these files would be thrown away; let a metric's from.topic match it",
    "a.yaml:9:22: no metric reads bench: every line of these files would be thrown away; let a metric's from.topic match it",
  ]);
});
