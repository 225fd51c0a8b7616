import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { ServerProcess } from "../../scripts/stack/server-process.ts";
import { repositoryRoot } from "../house/source-file.ts";
import type { Works } from "./works.ts";

const SHIPPED = path.join(repositoryRoot, "docs/prometheus");

const answer = z.object({
  status: z.literal("success"),
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        value: z.tuple([z.number(), z.string()]).optional(),
        values: z.array(z.tuple([z.number(), z.string()])).optional(),
      }),
    ),
  }),
});
const labels = z.object({ data: z.array(z.string()) });
const rules = z.object({
  data: z.object({
    groups: z.array(z.object({ rules: z.array(z.object({ name: z.string(), health: z.string() })) })),
  }),
});
const targets = z.object({
  data: z.object({
    activeTargets: z.array(
      z.object({ scrapePool: z.string(), health: z.string(), lastError: z.string(), scrapeUrl: z.string() }),
    ),
  }),
});

/** One series of an answer. */
export interface PromSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

/** A real Prometheus for one test, with the configuration and the rules of docs/prometheus, at a second's interval. */
export class PrometheusWorks {
  readonly url: string;

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(
    works: Works,
    { central, agent }: { readonly central: number; readonly agent: number },
  ): Promise<PrometheusWorks> {
    const port = await works.freePort();
    const dataFolder = works.path("prometheus");
    mkdirSync(dataFolder);
    const shipped = readFileSync(path.join(SHIPPED, "prometheus.yml"), "utf8");
    const config = shipped
      .replaceAll("interval: 15s", "interval: 1s")
      .replace("127.0.0.1:8080", `127.0.0.1:${central}`)
      .replace("127.0.0.1:9464", `127.0.0.1:${agent}`);
    writeFileSync(path.join(dataFolder, "prometheus.yml"), config);
    copyFileSync(path.join(SHIPPED, "millrace.rules.yml"), path.join(dataFolder, "millrace.rules.yml"));
    const prometheus = new PrometheusWorks(port);
    const server = new ServerProcess({
      name: "Prometheus",
      program: "prometheus",
      args: [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=tsdb",
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=warn",
      ],
      dataFolder,
      port,
      isReady: async () => (await fetch(`${prometheus.url}/-/ready`).catch(() => undefined))?.ok === true,
    });
    works.atEnd(() => server.kill());
    await server.start();
    return prometheus;
  }

  /** As Grafana asks for a panel that shows the latest value. */
  instant(query: string): Promise<PromSeries[]> {
    return this.#query("query", { query });
  }

  /** As Grafana asks for a graph. */
  range(
    query: string,
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  ): Promise<PromSeries[]> {
    const [start, end] = [fromMs, toMs].map((timeMs) => String(timeMs / 1_000));
    return this.#query("query_range", { query, start, end, step: "1" });
  }

  /** `label_values(metric, label)` of a variable. */
  async labelValues(metric: string, label: string): Promise<string[]> {
    const query = new URLSearchParams({ "match[]": metric });
    return labels.parse(await this.#get(`/api/v1/label/${label}/values?${query.toString()}`)).data;
  }

  /** Rules that cannot be evaluated, by name. */
  async brokenRules(): Promise<{ readonly broken: string[]; readonly count: number }> {
    const { data } = rules.parse(await this.#get("/api/v1/rules"));
    const all = data.groups.flatMap((group) => group.rules);
    return { broken: all.filter(({ health }) => health !== "ok").map(({ name }) => name), count: all.length };
  }

  async targets(): Promise<z.output<typeof targets>["data"]["activeTargets"]> {
    return targets.parse(await this.#get("/api/v1/targets")).data.activeTargets;
  }

  async #query(route: string, parameters: Readonly<Record<string, string>>): Promise<PromSeries[]> {
    const response = await fetch(`${this.url}/api/v1/${route}`, {
      method: "POST",
      body: new URLSearchParams(parameters),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${parameters["query"]}: ${text}`);
    const { data } = answer.parse(JSON.parse(text));
    return data.result.map(({ metric, value, values = [] }) => ({
      labels: metric,
      values: [...(value === undefined ? [] : [value]), ...values].map(([, each]) => numberOf(each)),
    }));
  }

  async #get(route: string): Promise<unknown> {
    return (await fetch(`${this.url}${route}`)).json();
  }
}

function numberOf(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}
