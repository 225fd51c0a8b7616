import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_CERTIFICATES } from "@millrace/testkit";
import type { AgentView } from "../../central/src/agents/agent-view.ts";
import { BENCH_AGENT } from "./bench-agent.ts";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";
import { waitForPort } from "./wait-for-port.ts";

const MAIN = join(import.meta.dirname, "../../central/src/main.ts");
/** Another one for each process: two benchmarks at once must not find the same port free. */
const FIRST_PORT = 31_000 + (process.pid % 900) * 10;

/** The real central, for one agent, or with others beside it. */
export class BenchCentral {
  /** Where it takes, or will take, what agents send. */
  readonly intakePort: number;
  readonly #folder: string;
  readonly #httpPort: number;
  readonly #isEncrypted: boolean;
  #child: Child | undefined;

  private constructor(
    folder: string,
    ports: { readonly intake: number; readonly http: number },
    isEncrypted: boolean,
  ) {
    this.#folder = folder;
    this.intakePort = ports.intake;
    this.#httpPort = ports.http;
    this.#isEncrypted = isEncrypted;
  }

  static async prepare(
    folder: string,
    { isEncrypted }: { readonly isEncrypted: boolean },
  ): Promise<BenchCentral> {
    const intake = await freePort("central", FIRST_PORT);
    return new BenchCentral(folder, { intake, http: await freePort("central", intake + 1) }, isEncrypted);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#httpPort}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** `pipeline`: the agent's own. `others`: agents beside it. */
  async start(
    pipeline: string,
    others: readonly { readonly id: string; readonly site: string; readonly password: string }[] = [],
  ): Promise<void> {
    const { agent: id, site, password } = BENCH_AGENT;
    const { serverCertificate, serverKey } = TEST_CERTIFICATES;
    mkdirSync(this.#folder, { recursive: true });
    const files = { "pipeline.yaml": pipeline, "cert.pem": serverCertificate, "key.pem": serverKey };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.#folder, name), text);
    const config = join(this.#folder, "central.yaml");
    const tls = this.#isEncrypted ? ", tls: { cert: ./cert.pem, key: ./key.pem }" : "";
    writeFileSync(
      config,
      `version: 1
data: ./data
pipeline: ./pipeline.yaml
intake: { mqtt: { port: ${this.intakePort}${tls} } }
agents: ${JSON.stringify([{ id, site, password }, ...others])}
http: { port: ${this.#httpPort} }
log: { level: warn }
`,
    );
    this.#child = Child.ofModule(MAIN, ["run", "--config", config]);
    await waitForPort(this.#child, this.intakePort);
    await waitForPort(this.#child, this.#httpPort);
  }

  /** How far it is with the agent. */
  async agent(): Promise<AgentView> {
    const response = await fetch(`http://127.0.0.1:${this.#httpPort}/api/v1/agents`);
    const { agents }: { agents: AgentView[] } = JSON.parse(await response.text());
    return agents[0];
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }
}
