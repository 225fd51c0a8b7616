import { join } from "node:path";
import { finalLedger } from "../../scripts/start/agent-status.ts";
import type { StatusPage } from "../../edge-agent/src/status/status-server.ts";
import type { ProgramProcess, Surroundings } from "./program-process.ts";
import { until } from "./until.ts";
import type { Works } from "./works.ts";

export interface SiteOptions {
  readonly works: Works;
  readonly agent: string;
  readonly site: string;
  readonly pipelinePath: string;
  /** Where the uplink goes: central's intake, or a proxy before it. */
  readonly uplinkPort: number;
  readonly password?: string;
  /** Name of the process and of its data folder; default: `agent`. */
  readonly name?: string;
  /** Keys of agent.yaml that replace the usual ones. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly surroundings?: Surroundings;
}

/** One site's gateway: the agent as a real process, with its embedded broker for the sensors. */
export class SiteHarness {
  readonly agent: string;
  readonly site: string;
  readonly brokerPort: number;
  readonly statusPort: number;
  readonly dataFolder: string;
  readonly configPath: string;
  readonly process: ProgramProcess;

  private constructor(options: SiteOptions, ports: { readonly broker: number; readonly status: number }) {
    const { works, agent, site, uplinkPort, password = `password of ${agent}`, name = agent } = options;
    this.agent = agent;
    this.site = site;
    this.brokerPort = ports.broker;
    this.statusPort = ports.status;
    this.dataFolder = works.path(name);
    this.configPath = works.write(`${name}.yaml`, {
      version: 1,
      agent,
      site,
      data: this.dataFolder,
      pipeline: options.pipelinePath,
      inputs: { broker: { port: ports.broker } },
      uplink: { url: `mqtt://127.0.0.1:${uplinkPort}`, password },
      http: { port: ports.status },
      ...options.config,
    });
    const args = ["run", "--config", this.configPath];
    this.process = works.process(name, "edge-agent/src/main.ts", args, options.surroundings);
  }

  static async prepare(options: SiteOptions): Promise<SiteHarness> {
    return new SiteHarness(options, {
      broker: await options.works.freePort(),
      status: await options.works.freePort(),
    });
  }

  get storePath(): string {
    return join(this.dataFolder, "store");
  }

  get brokerUrl(): string {
    return `mqtt://127.0.0.1:${this.brokerPort}`;
  }

  /** Starts it and waits until its inputs stand. */
  async start(): Promise<void> {
    this.process.start();
    await this.ready();
  }

  ready(): Promise<void> {
    return this.process.ready(async () => (await this.#get("/readyz")).ok);
  }

  async status(): Promise<StatusPage> {
    const page: StatusPage = JSON.parse(await (await this.#get("/status")).text());
    return page;
  }

  /** As the commands of `millrace-agent` say it. */
  async post(path: string, body: object): Promise<void> {
    const url = `http://127.0.0.1:${this.statusPort}${path}`;
    const headers = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  }

  async metrics(): Promise<string> {
    return (await this.#get("/metrics")).text();
  }

  /** Waits until the status is as it should be. */
  async until(what: string, is: (status: StatusPage) => boolean, limitMs?: number): Promise<StatusPage> {
    let last: StatusPage | undefined;
    try {
      return await until(
        `${this.process.name}: ${what}`,
        async () => {
          last = await this.status();
          return is(last) && last;
        },
        limitMs,
      );
    } catch (error) {
      throw new Error(
        `${String(error)}; its last status: ${JSON.stringify({ ...last, quarantine: undefined })}`,
        { cause: error },
      );
    }
  }

  /** Everything that it has aggregated is acknowledged by central. */
  async delivered(limitMs?: number): Promise<StatusPage> {
    return this.until(
      "everything is delivered",
      ({ ledger, lanes }) =>
        ledger.forwarded === ledger.aggregated &&
        Object.values(lanes).every(({ queuedBatches }) => queuedBatches === 0),
      limitMs,
    );
  }

  /** The ledger that it wrote as its last word. */
  finalLedger(): ReturnType<typeof finalLedger> {
    return finalLedger(join(this.dataFolder, `../${this.process.name}.log`));
  }

  #get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.statusPort}${path}`, { signal: AbortSignal.timeout(30_000) });
  }
}
