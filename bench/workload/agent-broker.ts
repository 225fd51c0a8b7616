import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_CERTIFICATES } from "@millrace/testkit";
import type { StatusPage } from "../../edge-agent/src/status/status-server.ts";
import { BENCH_AGENT } from "./bench-agent.ts";
import { benchPipeline } from "./bench-pipeline.ts";
import type { Broker } from "./broker.ts";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";
import { waitForPort } from "./wait-for-port.ts";

const MAIN = join(import.meta.dirname, "../../edge-agent/src/main.ts");
/** For whoever looks where its time goes: `BENCH_AGENT_FLAGS="--cpu-prof …" npm run bench …`. */
const PROFILING = process.env["BENCH_AGENT_FLAGS"]?.split(" ") ?? [];
/** Another one for each process: two benchmarks at once must not find the same port free. */
const FIRST_PORT = 21_000 + (process.pid % 900) * 10;
/** tcpmux: nobody listens there, now or later. */
const NOBODYS_PORT = 1;

export interface AgentBroker extends Broker {
  /** Its folder. */
  readonly folder: string;
  /** What its status page says. */
  status(): Promise<StatusPage>;
  /** Fails unless every reading that came is in a pane: none refused, none taken for a duplicate. */
  checkLedger(): Promise<void>;
}

export interface AgentBrokerOptions {
  /** Where a message holds an array of readings: its path. One reading a message by default. */
  readonly each?: string;
  /** Of Node. */
  readonly flags?: readonly string[];
  /** Instead of `benchPipeline`. */
  readonly pipeline?: string;
  /** Central's intake; by default nobody is at the other end. */
  readonly uplink?: { readonly port: number; readonly isEncrypted: boolean };
  /** Another program than the checkout's agent, such as its binary. */
  readonly program?: string;
  /** Of its environment. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** The real agent with its embedded broker, its store in `folder`. */
export async function startAgentBroker(
  folder: string,
  options: AgentBrokerOptions = {},
): Promise<AgentBroker> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort("the agent's broker", FIRST_PORT);
  const statusPort = await freePort("the agent's status page", port + 1);
  const uplink = options.uplink ?? { port: NOBODYS_PORT, isEncrypted: false };
  writeFileSync(join(folder, "pipeline.yaml"), options.pipeline ?? benchPipeline(options));
  writeFileSync(join(folder, "ca.pem"), TEST_CERTIFICATES.authority);
  const config = join(folder, "agent.yaml");
  writeFileSync(config, agentYaml({ port, statusPort, uplink }));
  const args = ["run", "--config", config];
  const child =
    options.program === undefined
      ? Child.ofModule(MAIN, args, [...PROFILING, ...(options.flags ?? [])])
      : Child.ofProgram(options.program, args, options.variables);
  await waitForPort(child, port);
  const status = async (): Promise<StatusPage> => {
    const page: StatusPage = JSON.parse(await (await fetch(`http://127.0.0.1:${statusPort}/status`)).text());
    return page;
  };
  return {
    name: "agent",
    folder,
    port,
    pid: child.pid,
    stop: () => child.stop(),
    status,
    async checkLedger() {
      const { received, aggregated } = (await status()).ledger;
      if (received > 0 && aggregated === received) return;
      throw new Error(`invariant: all readings are aggregated: ${JSON.stringify((await status()).ledger)}`);
    },
  };
}

function agentYaml(options: {
  port: number;
  statusPort: number;
  uplink: NonNullable<AgentBrokerOptions["uplink"]>;
}): string {
  const { port, statusPort, uplink } = options;
  const url = `${uplink.isEncrypted ? "mqtts" : "mqtt"}://localhost:${uplink.port}`;
  const ca = uplink.isEncrypted ? ", ca: ./ca.pem" : "";
  return `version: 1
agent: ${BENCH_AGENT.agent}
site: ${BENCH_AGENT.site}
data: ./data
pipeline: ./pipeline.yaml
inputs:
  broker: { host: 127.0.0.1, port: ${port} }
uplink: { url: "${url}", password: "${BENCH_AGENT.password}"${ca} }
http: { host: 127.0.0.1, port: ${statusPort} }
log: { level: warn }
`;
}
