import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { CentralClient } from "../../simulator/src/verify/central-client.ts";
import { askAgent, finalLedger, type AgentLedger } from "./agent-status.ts";
import { connectedAgents } from "./central-status.ts";
import { agentYaml, centralYaml } from "./line-configs.ts";
import { chooseLinePorts, type LinePorts } from "./line-ports.ts";
import { poll } from "./poll.ts";
import { checkoutPath, type RunFolder } from "./run-folder.ts";
import type { StageLog } from "./stage-log.ts";
import { StartFailure } from "./start-failure.ts";
import { SupervisedProcess } from "./supervised-process.ts";

export interface LineAgent {
  readonly agent: string;
  readonly site: string;
  readonly isSimulated: boolean;
}

/** Two sites whose sensors are simulated, and this machine, whose are real. */
export const LINE_AGENTS: readonly LineAgent[] = [
  { agent: "alpha-gateway", site: "alpha", isSimulated: true },
  { agent: "beta-gateway", site: "beta", isSimulated: true },
  { agent: "this-machine", site: "this-machine", isSimulated: false },
];

/** In the log of a program that listens on all its ports. */
const READY_WORD = '"msg":"running"';
const READY_MS_MAX = 30_000;
const POLL_MS = 50;
/** The simulator waits this long for its last acknowledgements. */
const SIMULATOR_STOP_MS_MAX = 35_000;
const AGENT_STOP_MS_MAX = 20_000;
const CENTRAL_STOP_MS_MAX = 15_000;

/** All programs of the line, started and stopped in order. */
export class Line {
  readonly #folder: RunFolder;
  readonly #log: StageLog;
  readonly #abort: AbortController;
  readonly #ports: LinePorts;
  readonly #central: SupervisedProcess;
  readonly #agents = new Map<string, SupervisedProcess>();
  readonly #simulator: SupervisedProcess;
  #isStarted = false;
  #failure: StartFailure | null = null;
  readonly client: CentralClient;

  private constructor(options: {
    readonly folder: RunFolder;
    readonly log: StageLog;
    readonly ports: LinePorts;
  }) {
    const { folder, log, ports } = options;
    this.#folder = folder;
    this.#log = log;
    this.#ports = ports;
    this.#abort = new AbortController();
    this.client = new CentralClient(this.dashboardUrl);
    this.#central = this.#process("central", [
      checkoutPath("central/src/main.ts"),
      "run",
      "--config",
      folder.config("central"),
    ]);
    for (const { agent } of LINE_AGENTS) {
      this.#agents.set(
        agent,
        this.#process(agent, [
          checkoutPath("edge-agent/src/main.ts"),
          "run",
          "--config",
          folder.config(agent),
        ]),
      );
    }
    const brokers = LINE_AGENTS.filter(({ isSimulated }) => isSimulated).flatMap(({ agent, site }) => [
      "--broker",
      `${site}=mqtt://127.0.0.1:${ports.brokers.get(agent)}`,
    ]);
    const plan = checkoutPath("simulator/plans/newcomer.yaml");
    this.#simulator = this.#process("simulator", [
      checkoutPath("simulator/src/main.ts"),
      "run",
      "--plan",
      plan,
      "--truth",
      folder.truth,
      ...brokers,
    ]);
  }

  /** Chooses ports and writes the configurations into the run's folder. */
  static async prepare(options: {
    readonly folder: RunFolder;
    readonly log: StageLog;
    readonly dashboardPort: number;
  }): Promise<Line> {
    const { folder, log, dashboardPort } = options;
    const ports = await chooseLinePorts({
      dashboardPort,
      brokerAgents: LINE_AGENTS.filter(({ isSimulated }) => isSimulated).map(({ agent }) => agent),
      agents: LINE_AGENTS.map(({ agent }) => agent),
      onTaken: (purpose, wished, chosen) =>
        log.stage(`port ${wished} for ${purpose} is taken, using ${chosen}`),
    });
    const pipelinePath = checkoutPath("scripts/start/pipeline.yaml");
    const agents = LINE_AGENTS.map((each) => ({ ...each, password: randomBytes(16).toString("hex") }));
    const write = (name: string, text: string): void =>
      writeFileSync(folder.config(name), text, { mode: 0o600 });
    write(
      "central",
      centralYaml({ pipelinePath, agents, intakePort: ports.intake, httpPort: ports.dashboard }),
    );
    for (const agent of agents) {
      const brokerPort = ports.brokers.get(agent.agent) ?? null;
      const statusPort = ports.status.get(agent.agent) ?? 0;
      write(
        agent.agent,
        agentYaml({ ...agent, pipelinePath, brokerPort, statusPort, intakePort: ports.intake }),
      );
    }
    return new Line({ folder, log, ports });
  }

  get dashboardUrl(): string {
    return `http://127.0.0.1:${this.#ports.dashboard}`;
  }

  get restartCount(): number {
    return [this.#central, this.#simulator, ...this.#agents.values()].reduce(
      (sum, each) => sum + each.restartCount,
      0,
    );
  }

  /** Central, then the agents, then the simulator, each once the one before is ready. Throws in words when one is not. */
  async start(): Promise<void> {
    this.#central.start();
    // Its own word first: on the port another run's central may answer.
    await this.#until("central", async () =>
      this.#central.hasSaid(READY_WORD) && (await fetch(`${this.dashboardUrl}/readyz`)).ok ? true : undefined,
    );
    this.#log.stage(`central is ready (${this.#folder.log("central")})`);
    for (const agent of this.#agents.values()) agent.start();
    for (const { agent, isSimulated } of LINE_AGENTS) {
      await this.#until(agent, async () =>
        this.#agents.get(agent)?.hasSaid(READY_WORD) === true ? true : undefined,
      );
      const status = await this.#until(agent, () => askAgent(this.#ports.status.get(agent) ?? 0));
      await this.#until(agent, async () =>
        (await connectedAgents(this.client)).includes(agent) ? true : undefined,
      );
      this.#log.stage(
        `agent ${agent} of site ${status.site} is connected${isSimulated ? "" : ": this machine's own sensors"}`,
      );
    }
    await this.#sayLackingSensors();
    this.#isStarted = true;
    this.#simulator.start();
    this.#log.stage("simulator runs: 2 sites, 12 machines, 3 sensors each, 5 readings a second");
  }

  /** In order: sensors, then agents (which send their open panes and wait for acknowledgement); central goes on. */
  async stopSources(): Promise<void> {
    this.#abort.abort();
    await this.#simulator.stop(SIMULATOR_STOP_MS_MAX);
    this.#log.stage("simulator stopped");
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop(AGENT_STOP_MS_MAX)));
    this.#log.stage("agents stopped, their panes are sent");
  }

  async stopCentral(): Promise<void> {
    await this.#central.stop(CENTRAL_STOP_MS_MAX);
    this.#log.stage("central stopped");
  }

  /** After a start that failed: nothing runs any more once this resolves. */
  async abandon(): Promise<void> {
    this.#abort.abort();
    const all = [this.#simulator, ...this.#agents.values(), this.#central];
    await Promise.all(all.map((each) => each.stop(AGENT_STOP_MS_MAX)));
  }

  /** At once. */
  kill(): void {
    this.#abort.abort();
    for (const each of [this.#simulator, ...this.#agents.values(), this.#central]) each.kill();
  }

  /** What each stopped agent wrote as its last word. */
  finalLedger(agent: string): AgentLedger | undefined {
    return finalLedger(this.#folder.log(agent));
  }

  /** The host's sensors are read once before the agent knows which are lacking. */
  async #sayLackingSensors(): Promise<void> {
    for (const { agent, isSimulated } of LINE_AGENTS) {
      const status = isSimulated ? undefined : await askAgent(this.#ports.status.get(agent) ?? 0);
      for (const [sensor, reason] of Object.entries(status?.unavailableSensors ?? {})) {
        this.#log.stage(`${agent} has no ${sensor} sensor: ${reason}`);
      }
    }
  }

  async #until<Answer>(name: string, ask: () => Promise<Answer | undefined>): Promise<Answer> {
    const answer = await poll(ask, { everyMs: POLL_MS, limitMs: READY_MS_MAX, signal: this.#abort.signal });
    if (this.#failure !== null) throw this.#failure;
    if (answer === undefined)
      throw new Error(
        `${name} is not ready after ${READY_MS_MAX / 1_000} s; its log is ${this.#folder.log(name)}`,
      );
    return answer;
  }

  #process(name: string, args: readonly string[]): SupervisedProcess {
    const supervised = new SupervisedProcess({
      name,
      args,
      logPath: this.#folder.log(name),
      onDied: ({ how, lastLines, hasGivenUp }) => {
        if (!this.#isStarted) {
          this.#failure ??= new StartFailure(name, lastLines);
          this.#abort.abort();
          return false;
        }
        this.#log.stage(
          `${name} died unexpectedly (${how})${hasGivenUp ? "; it keeps dying and stays down" : "; starting it again"}. Its last lines:`,
        );
        for (const line of lastLines) this.#log.line(`          | ${line}`);
        if (hasGivenUp) this.#abort.abort();
        else void this.#sayWhenBack(name, supervised);
        return true;
      },
    });
    return supervised;
  }

  async #sayWhenBack(name: string, supervised: SupervisedProcess): Promise<void> {
    const { restartCount } = supervised;
    const isBack = async () =>
      supervised.restartCount === restartCount + 1 && supervised.hasSaid(READY_WORD) ? true : undefined;
    const answer = await poll(isBack, {
      everyMs: POLL_MS,
      limitMs: READY_MS_MAX,
      signal: this.#abort.signal,
    });
    if (answer !== undefined) this.#log.stage(`${name} is back`);
  }
}
