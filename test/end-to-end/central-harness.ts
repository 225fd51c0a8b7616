import { join } from "node:path";
import type { AgentView } from "../../central/src/agents/agent-view.ts";
import type { AlarmView } from "../../central/src/alarms/alarm-view.ts";
import type { LedgerTotals } from "../../central/src/ledger/central-ledger.ts";
import type { SinkView } from "../../central/src/sinks/sink-view.ts";
import type { WindowResult } from "@millrace/stream";
import { CentralClient } from "../../simulator/src/verify/central-client.ts";
import type { ProgramProcess, Surroundings } from "./program-process.ts";
import { until } from "./until.ts";
import type { Works } from "./works.ts";

export interface CentralOptions {
  readonly works: Works;
  readonly pipelinePath: string;
  readonly agents: readonly { readonly agent: string; readonly site: string }[];
  /** `intake.kafka` and `intake.broker`. */
  readonly intake?: Readonly<Record<string, unknown>>;
  /** Keys of central.yaml that replace the usual ones. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Keys of its `http` beside the port. */
  readonly http?: Readonly<Record<string, unknown>>;
  readonly surroundings?: Surroundings;
}

/** Central as a real process, asked over HTTP like anybody else would. */
export class CentralHarness {
  readonly intakePort: number;
  readonly httpPort: number;
  readonly dataFolder: string;
  readonly configPath: string;
  readonly process: ProgramProcess;
  readonly client: CentralClient;

  private constructor(options: CentralOptions, ports: { readonly intake: number; readonly http: number }) {
    const { works, pipelinePath, agents, intake } = options;
    this.intakePort = ports.intake;
    this.httpPort = ports.http;
    this.dataFolder = works.path("central");
    this.configPath = works.write("central.yaml", {
      version: 1,
      data: this.dataFolder,
      pipeline: pipelinePath,
      intake: { mqtt: { port: ports.intake }, ...intake },
      agents: agents.map(({ agent, site }) => ({ id: agent, site, password: `password of ${agent}` })),
      http: { port: ports.http, ...options.http },
      ...options.config,
    });
    const args = ["run", "--config", this.configPath];
    this.process = works.process("central", "central/src/main.ts", args, options.surroundings);
    this.client = new CentralClient(`http://127.0.0.1:${ports.http}`);
  }

  static async prepare(options: CentralOptions): Promise<CentralHarness> {
    return new CentralHarness(options, {
      intake: await options.works.freePort(),
      http: await options.works.freePort(),
    });
  }

  get storePath(): string {
    return join(this.dataFolder, "store");
  }

  /** Starts it and waits until it takes data. */
  async start(): Promise<void> {
    this.process.start();
    await this.ready();
  }

  ready(): Promise<void> {
    return this.process.ready(async () => (await this.#get("/readyz")).ok);
  }

  async ledger(agent: string): Promise<LedgerTotals | undefined> {
    const answer: { agents: Record<string, LedgerTotals> } = JSON.parse(
      await (await this.#get("/api/v1/ledger")).text(),
    );
    return answer.agents[agent];
  }

  async metrics(): Promise<string> {
    return (await this.#get("/metrics")).text();
  }

  /** The latest first. */
  async alarms(): Promise<AlarmView[]> {
    const answer: { alarms: AlarmView[] } = JSON.parse(await (await this.#get("/api/v1/alarms")).text());
    return answer.alarms.sort((a, b) => b.timeMs - a.timeMs);
  }

  /** At most a thousand, from then on. */
  async windows(name: string, fromMs: number): Promise<WindowResult[]> {
    const path = `/api/v1/windows?window=${name}&from=${fromMs}&limit=1000`;
    const answer: { windows: WindowResult[] } = JSON.parse(await (await this.#get(path)).text());
    return answer.windows;
  }

  async sinks(): Promise<SinkView[]> {
    const answer: { sinks: SinkView[] } = JSON.parse(await (await this.#get("/api/v1/sinks")).text());
    return answer.sinks;
  }

  /** The names of central's own alarms about an agent, active or not. */
  async systemAlarms(agent: string): Promise<string[]> {
    const alarms = await this.alarms();
    return alarms
      .filter((alarm) => alarm.agent === agent && alarm.id.startsWith("central:"))
      .map(({ rule }) => rule);
  }

  async agent(agent: string): Promise<AgentView | undefined> {
    const answer: { agents: AgentView[] } = JSON.parse(await (await this.#get("/api/v1/agents")).text());
    return answer.agents.find((view) => view.agent === agent);
  }

  async connected(agent: string): Promise<void> {
    await until(`${agent} is connected`, async () => (await this.agent(agent))?.state === "connected");
  }

  #get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.httpPort}${path}`, { signal: AbortSignal.timeout(30_000) });
  }
}
