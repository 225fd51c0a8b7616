import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFreePort } from "@millrace/runtime";
import type { Broker } from "./broker.ts";
import { Child } from "./child.ts";
import { waitForPort } from "./wait-for-port.ts";

const MAIN = join(import.meta.dirname, "../../edge-agent/src/main.ts");
/** For whoever looks where its time goes: `BENCH_AGENT_FLAGS="--cpu-prof …" npm run bench …`. */
const PROFILING = process.env["BENCH_AGENT_FLAGS"]?.split(" ") ?? [];
const FIRST_PORT = 21_000;

export interface AgentBroker extends Broker {
  /** Fails unless every reading that came is in a pane: none refused, none taken for a duplicate. */
  checkLedger(): Promise<void>;
}

export interface AgentBrokerOptions {
  /** Where a message holds an array of readings: its path. One reading a message by default. */
  readonly each?: string;
  /** Of Node. */
  readonly flags?: readonly string[];
}

/** The real agent with its embedded broker, its store in `folder`, and nobody at the other end of its uplink. */
export async function startAgentBroker(
  folder: string,
  options: AgentBrokerOptions = {},
): Promise<AgentBroker> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort("the agent's broker", FIRST_PORT);
  const statusPort = await freePort("the agent's status page", port + 1);
  const nobodysPort = await freePort("central", statusPort + 1);
  writeFileSync(join(folder, "pipeline.yaml"), pipelineYaml(options));
  const config = join(folder, "agent.yaml");
  writeFileSync(config, agentYaml({ port, statusPort, nobodysPort }));
  const child = Child.ofModule(MAIN, ["run", "--config", config], [...PROFILING, ...(options.flags ?? [])]);
  await waitForPort(child, port);
  return {
    name: "agent",
    port,
    pid: child.pid,
    stop: () => child.stop(),
    async checkLedger() {
      const response = await fetch(`http://127.0.0.1:${statusPort}/status`);
      const status: { readonly ledger: { readonly received: number; readonly aggregated: number } } =
        JSON.parse(await response.text());
      const { received, aggregated } = status.ledger;
      if (received > 0 && aggregated === received) return;
      throw new Error(`invariant: all ${received} readings are aggregated, not ${aggregated}`);
    },
  };
}

function freePort(purpose: string, port: number): Promise<number> {
  return findFreePort({ host: "127.0.0.1", port, purpose, setting: "the benchmark" });
}

function agentYaml(ports: { port: number; statusPort: number; nobodysPort: number }): string {
  return `version: 1
agent: alpha-1
site: alpha
data: ./data
pipeline: ./pipeline.yaml
inputs:
  broker: { host: 127.0.0.1, port: ${ports.port} }
uplink: { url: "mqtt://127.0.0.1:${ports.nobodysPort}", username: alpha-1, password: "none" }
http: { host: 127.0.0.1, port: ${ports.statusPort} }
log: { level: warn }
`;
}

/** Without confirmation and latch: the machines of a benchmark stop and start some hundred times. */
function pipelineYaml({ each }: AgentBrokerOptions): string {
  return `version: 1
metrics:
  temperature:
    unit: °C
    from:
      topic: "factory/{site}/{line}/{machine}/temperature"
      json: { ${each === undefined ? "" : `each: ${each}, `}value: $.temperature, time: { path: $.ts, unit: ms } }
    accumulate: [count, sum, mean, min, max]
    live: true
windows:
  temperature_5s: { metric: temperature, size: 5s, by: [site] }
  temperature_1m: { metric: temperature, size: 1m, slide: 10s, by: [site, line] }
rules:
  overheating:
    metric: temperature
    when: { above: 80, clearBelow: 75 }
    severity: 900
    action:
      publish: "factory/{site}/{line}/{machine}/command"
      payload: STOP
      latch: false
      armed: true
`;
}
