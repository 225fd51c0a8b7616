import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WindowResult } from "@millrace/stream";
import type { RecordStreamView } from "../../central/src/records/record-stream-view.ts";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";
import { waitForPort } from "./wait-for-port.ts";

const MAIN = join(import.meta.dirname, "../../central/src/main.ts");
const PIPELINE = join(import.meta.dirname, "../../pipelines/orders.yaml");
const FIRST_PORT = 22_000 + (process.pid % 900) * 10;
const ASK_INTERVAL_MS = 100;

/** The real central with the ready pipeline of orders, which it reads from Kafka. */
export class OrdersCentral {
  readonly #child: Child;
  readonly #api: string;

  private constructor(child: Child, httpPort: number) {
    this.#child = child;
    this.#api = `http://127.0.0.1:${httpPort}/api/v1`;
  }

  /** `redisUrl`: where its windows go too; null: nowhere. Resolves once it answers. */
  static async start(
    folder: string,
    options: { readonly address: string; readonly topic: string; readonly redisUrl: string | null },
  ): Promise<OrdersCentral> {
    const { address, topic, redisUrl } = options;
    const httpPort = await freePort("central", FIRST_PORT);
    mkdirSync(folder, { recursive: true });
    const path = join(folder, "central.yaml");
    const config = {
      version: 1,
      data: "./data",
      pipeline: PIPELINE,
      records: { orders: { kafka: { brokers: [address], topic } } },
      http: { port: httpPort },
      log: { level: "warn" },
      ...(redisUrl === null ? {} : { sinks: { redis: { url: redisUrl, prefix: "{window}" } } }),
    };
    writeFileSync(path, JSON.stringify(config));
    const child = Child.ofModule(MAIN, ["run", "--config", path]);
    await waitForPort(child, httpPort);
    return new OrdersCentral(child, httpPort);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Waits until so many orders have become durable, and windows show all that count. */
  async hasAll(received: number, aggregated: number): Promise<void> {
    while ((await this.stream()).totals.received < received) await sleep(ASK_INTERVAL_MS);
    for (;;) {
      const windows = await this.windows("orders_1m");
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
