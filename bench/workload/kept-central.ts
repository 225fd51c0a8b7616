import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processUsage } from "../measure/process-usage.ts";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";

/** Another one for each process: two benchmarks at once must not find the same port free. */
const FIRST_PORT = 23_000 + (process.pid % 900) * 10;
const TRY_MS = 5;
const START_LIMIT_MS = 180_000;

export interface CentralStart {
  /** From the start of the process until it says that it is ready, its windows can be asked for, and a page has its snapshot. */
  readonly ms: number;
  readonly readyMs: number;
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** The real central on a store that stays, to be started and killed again and again. */
export class KeptCentral {
  /** Where its store is. */
  readonly storePath: string;
  readonly #program: string;
  readonly #config: string;
  readonly #url: string;
  readonly #window: string;
  #child: Child | undefined;

  private constructor(options: {
    readonly program: string;
    readonly folder: string;
    readonly httpPort: number;
    readonly window: string;
  }) {
    const { program, folder, httpPort, window } = options;
    this.#program = program;
    this.#config = join(folder, "central.yaml");
    this.#url = `http://127.0.0.1:${httpPort}`;
    this.#window = window;
    this.storePath = join(folder, "data/store");
  }

  /** `window`: one of the pipeline, which is asked for. */
  static async prepare(
    folder: string,
    {
      program,
      pipeline,
      window,
    }: { readonly program: string; readonly pipeline: string; readonly window: string },
  ): Promise<KeptCentral> {
    const intakePort = await freePort("central", FIRST_PORT);
    const httpPort = await freePort("central", intakePort + 1);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "pipeline.yaml"), pipeline);
    writeFileSync(
      join(folder, "central.yaml"),
      `version: 1
data: ./data
pipeline: ./pipeline.yaml
intake: { mqtt: { port: ${intakePort} } }
agents: [{ id: alpha-1, site: alpha, password: "password of alpha-1" }]
http: { port: ${httpPort} }
log: { level: warn }
`,
    );
    return new KeptCentral({ program, folder, httpPort, window });
  }

  async start(): Promise<CentralStart> {
    const startedMs = performance.now();
    const child = Child.ofProgram(this.#program, ["run", "--config", this.#config]);
    this.#child = child;
    while (!(await this.#isReady())) {
      child.assertRuns();
      if (performance.now() - startedMs > START_LIMIT_MS)
        throw new Error(`cannot measure: central is not ready after ${START_LIMIT_MS / 1_000} s`);
      await sleep(TRY_MS);
    }
    const readyMs = performance.now() - startedMs;
    await Promise.all([this.#askWindows(), this.#askSnapshot()]);
    const ms = performance.now() - startedMs;
    const { cpuMs, residentBytes } = processUsage(child.pid) ?? { cpuMs: NaN, residentBytes: NaN };
    return { ms, readyMs, cpuMs, residentBytes };
  }

  get residentBytes(): number {
    return (this.#child === undefined ? null : processUsage(this.#child.pid))?.residentBytes ?? NaN;
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }

  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.#url}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  async #askWindows(): Promise<void> {
    const response = await fetch(`${this.#url}/api/v1/windows?window=${this.#window}&limit=100`);
    const { windows }: { windows?: unknown[] } = JSON.parse(await response.text());
    if (!response.ok || windows === undefined) throw new Error("cannot measure: central tells no windows");
  }

  async #askSnapshot(): Promise<void> {
    const response = await fetch(`${this.#url}/api/v1/stream`);
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const from = text.indexOf("event: snapshot");
      if (from >= 0 && text.includes("\n\n", from)) return;
    }
    throw new Error("cannot measure: central's stream ends without a snapshot");
  }
}
