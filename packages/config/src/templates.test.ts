// What `init` writes loads as it is, without a warning, and fits together.
import { expect, test } from "vitest";
import { loadAgentConfig } from "./load-agent-config.ts";
import { loadCentralConfig } from "./load-central-config.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { agentTemplate, centralTemplate, pipelineTemplate } from "./templates.ts";

test("the three files load without warnings, and central knows the agent", () => {
  const agent = loadAgentConfig("/m/agent.yaml", { env: {}, readFile: () => agentTemplate() });
  const central = loadCentralConfig("/m/central.yaml", { env: {}, readFile: () => centralTemplate() });
  const pipeline = loadPipeline("/m/pipeline.yaml", { env: {}, readFile: () => pipelineTemplate() });
  expect([...agent.warnings, ...central.warnings, ...pipeline.warnings]).toEqual([]);
  expect(central.config.agents).toEqual([
    { id: agent.config.agent, site: agent.config.site, password: agent.config.uplink.password },
  ]);
  expect(agent.config.pipelinePath).toBe(pipeline.config.path);
});

test("the agent's names can be given", () => {
  const text = agentTemplate({ agent: "hall-2", site: "beta" });
  const { config } = loadAgentConfig("/m/agent.yaml", { env: {}, readFile: () => text });
  expect(config).toMatchObject({ agent: "hall-2", site: "beta" });
});

test("every commented key is a real one", () => {
  const uncommented = (text: string): string =>
    text
      .split("\n")
      .filter((line) => !/^ *# [A-Z]|^ *# set host/.test(line))
      .map((line) => line.replace(/^( *)# (?=( *)[-a-zA-Z])/, "$1"))
      .join("\n");
  const agentText = uncommented(agentTemplate()).replace("mqtt://127", "mqtts://127");
  const readFile = (text: string) => (path: string) => (path.endsWith(".yaml") ? text : "secret");
  const load = { env: {}, toleratesFiles: true };
  expect(loadAgentConfig("/m/agent.yaml", { ...load, readFile: readFile(agentText) }).config).toMatchObject({
    inputs: {
      broker: { users: [{ user: "press-1", password: "secret" }] },
      mqtt: { username: "millrace" },
      http: { users: [{ user: "telegraf", token: "secret", password: null }] },
      files: [{ path: "/var/log/bench/*.log", start: "beginning" }],
      host: { labels: { line: "office" } },
    },
    limits: { payloadBytesMax: 65_536 },
    uplink: { ca: "secret" },
  });
  const centralText = uncommented(centralTemplate());
  const central = loadCentralConfig("/m/central.yaml", { ...load, readFile: readFile(centralText) });
  expect(central.config).toMatchObject({
    intake: { mqtt: { tls: { cert: "secret" } } },
    silentAfterMs: 3000,
  });
});
