import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WindowResult } from "@millrace/stream";
import type { RecordStreamView } from "../../central/src/records/record-stream-view.ts";
import { buildBinary } from "../../scripts/build/binary.ts";
import { PROGRAMS } from "../../scripts/build/programs.ts";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";
import { waitForPort } from "./wait-for-port.ts";

const PIPELINES = join(import.meta.dirname, "../../pipelines");
const FIRST_PORT = 22_000 + (process.pid % 900) * 10;
const ASK_INTERVAL_MS = 100;

export interface RecordsCentralOptions {
  /** Central's binary. */
  readonly program: string;
  /** The stream's name, and that of its ready pipeline. */
  readonly stream: string;
  readonly address: string;
  readonly topic: string;
  /** Of central.yaml. */
  readonly sinks?: Readonly<Record<string, unknown>>;
  /** Of the stream, beside Kafka. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** The real central with a ready pipeline of records, which it reads from Kafka. */
export class RecordsCentral {
  readonly #child: Child;
  readonly #api: string;

  private constructor(child: Child, httpPort: number) {
    this.#child = child;
    this.#api = `http://127.0.0.1:${httpPort}/api/v1`;
  }

  /** Resolves once it answers. */
  static async start(folder: string, options: RecordsCentralOptions): Promise<RecordsCentral> {
    const { stream, address, topic, sinks, settings } = options;
    const httpPort = await freePort("central", FIRST_PORT);
    mkdirSync(folder, { recursive: true });
    const path = join(folder, "central.yaml");
    const config = {
      version: 1,
      data: "./data",
      pipeline: join(PIPELINES, `${stream}.yaml`),
      records: { [stream]: { kafka: { brokers: [address], topic }, ...settings } },
      http: { port: httpPort },
      log: { level: "warn" },
      ...(sinks === undefined ? {} : { sinks }),
    };
    writeFileSync(path, JSON.stringify(config));
    const child = Child.ofProgram(options.program, ["run", "--config", path]);
    await waitForPort(child, httpPort);
    return new RecordsCentral(child, httpPort);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Waits until so many records have become durable. */
  async hasReceived(count: number): Promise<void> {
    while ((await this.stream()).totals.received < count) await sleep(ASK_INTERVAL_MS);
  }

  /** Waits until so many records have become durable, and the window shows all that count. */
  async hasAll(window: string, received: number, aggregated: number): Promise<void> {
    await this.hasReceived(received);
    for (;;) {
      const windows = await this.windows(window);
      if (windows.reduce((sum, { values }) => sum + values["count"], 0) >= aggregated) return;
      await sleep(ASK_INTERVAL_MS);
    }
  }

  async stream(): Promise<RecordStreamView> {
    const { streams } = await this.#get<{ streams: RecordStreamView[] }>("records");
    return streams[0];
  }

  async windows(window: string): Promise<readonly WindowResult[]> {
    const { windows } = await this.#get<{ windows: WindowResult[] }>(`windows?window=${window}&limit=1000`);
    return windows;
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  async #get<Answer>(path: string): Promise<Answer> {
    this.#child.assertRuns();
    return JSON.parse(await (await fetch(`${this.#api}/${path}`)).text());
  }
}

/** Builds it: what people install, which starts half a second sooner than the checkout's sources. */
export async function centralBinary(): Promise<string> {
  const source = PROGRAMS.find(({ name }) => name === "millrace-central");
  if (source === undefined) throw new Error("invariant: central is a program");
  return (await buildBinary(source)).path;
}
