// Monitoring as a user meets it: a real Prometheus scrapes a real central and agent with the shipped configuration, Redis holds
// central's layout, and every panel of every shipped dashboard is asked as Grafana asks it, and gets data.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { TEST_CERTIFICATES } from "@millrace/testkit";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { checkoutPath } from "../../scripts/start/run-folder.ts";
import { readDashboards, withVariables } from "../monitoring/dashboard.ts";
import type { Dashboard, Panel, Target } from "../monitoring/dashboard.ts";
import { hasPrometheus, PROMETHEUS_MISSING, promtool } from "../monitoring/promtool.ts";
import { redisVariable, runRedisTarget } from "../monitoring/redis-panel.ts";
import { CentralHarness } from "./central-harness.ts";
import { ALPHA } from "./one-site.ts";
import { PrometheusWorks } from "./prometheus-works.ts";
import { RedisWorks } from "./redis-works.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const SCRAPE_S = 1;
const GRAFANA_RIGHTS = "~order_monitor* resetchannels -@all +@read +@connection +info";

/** One file of two: everything of the first, and metrics and windows of the second. */
function mergedPipelines(first: string, second: string): string {
  const [text, other] = [first, second].map((file) => readFileSync(checkoutPath(file), "utf8"));
  const section = (name: string) => new RegExp(`^${name}:\\n((?: .*\\n|\\n)*)`, "m").exec(other)?.[1] ?? "";
  return ["metrics", "windows"].reduce(
    (merged, name) => merged.replace(`${name}:\n`, `${name}:\n${section(name)}`),
    text,
  );
}

/** Orders of the last five minutes, in Shanghai's time. */
function orderLines(nowMs: number): string {
  const regions = ["北京", "上海", "广州", "深圳"];
  return Array.from({ length: 200 }, (_, at) => {
    const time = new Date(nowMs - 300_000 + at * 1_400 + 8 * 3_600_000);
    return JSON.stringify({
      order_id: `o-${at}`,
      time: time.toISOString().slice(0, 19).replace("T", " "),
      amount: 10 + (at % 17),
      region: regions[at % regions.length],
      category: "food",
      payment: at % 10 === 0 ? "failed" : "paid",
    });
  }).join("\n");
}

interface World {
  readonly prometheus: PrometheusWorks;
  readonly redis: Redis;
}

/** Why a panel's query shows nothing; null: it shows something. */
async function emptyReason(
  target: Target,
  panel: Panel,
  values: Record<string, string>,
  world: World,
): Promise<string | null> {
  const { prometheus, redis } = world;
  if (target.datasource.type === "redis-datasource") {
    const frame = await runRedisTarget(redis, target, values);
    const columns = Object.values(frame);
    if (columns.length === 0 || columns.some((column) => column.length === 0)) return "no field";
    const wanted = target.field?.split(" ") ?? [];
    const missing = wanted.filter((name) => frame[name] === undefined);
    if (missing.length > 0) return `without ${missing.join(", ")}`;
    const split = panel.transformations.find(({ id }) => id === "extractFields")?.options["regExp"];
    if (typeof split !== "string") return null;
    const pattern = new RegExp(split.slice(1, -1));
    const lost = frame["Field"]?.filter((name) => !(Number(pattern.exec(name)?.groups?.["time"]) > 0));
    return lost?.length === 0 ? null : `${split} does not read ${lost?.join()}`;
  }
  const nowMs = Date.now();
  const query = withVariables(target.expr ?? "", values);
  const series =
    target.instant === true
      ? await prometheus.instant(query)
      : await prometheus.range(query, { fromMs: nowMs - 30_000, toMs: nowMs });
  return series.some(({ values: all }) => all.some((value) => !Number.isNaN(value))) ? null : "no series";
}

/** The variables as a dashboard that is opened has them: all of what may be chosen at once, else the first. */
async function variablesOf(
  { templating }: Dashboard,
  { prometheus, redis }: World,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {
    __interval: "1s",
    __rate_interval: `${4 * SCRAPE_S}s`,
    __range: "3600s",
  };
  for (const variable of templating.list) {
    const { name, type, query, datasource, allValue } = variable;
    if (type === "textbox") {
      values[name] = query;
      continue;
    }
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
    const offered =
      datasource?.type === "prometheus"
        ? await prometheus.labelValues(metric ?? "", label ?? "")
        : await redisVariable(redis, variable, values);
    expect(offered.length, `${name}: ${query}`).toBeGreaterThan(0);
    values[name] = allValue ?? offered[0] ?? "";
  }
  return values;
}

test(
  "Prometheus and Redis answer every panel of the shipped dashboards, promtool finds nothing, and no alert is raised",
  { timeout: 90_000 },
  async ({ skip }) => {
    if (!hasPrometheus()) return skip(PROMETHEUS_MISSING);
    const works = new Works();
    const redisServer = await RedisWorks.start(works);
    if (redisServer === undefined) return skip("needs redis-server (apt install redis-tools)");
    const pipelinePath = works.write(
      "pipeline.yaml",
      mergedPipelines("scripts/start/pipeline.yaml", "pipelines/orders.yaml"),
    );
    const certificates = {
      cert: works.write("central.crt", TEST_CERTIFICATES.serverCertificate),
      key: works.write("central.key", TEST_CERTIFICATES.serverKey),
      ca: works.write("ca.crt", TEST_CERTIFICATES.authority),
    };
    const intake = await works.freePort();
    const central = await CentralHarness.prepare({
      works,
      pipelinePath,
      agents: [ALPHA],
      config: {
        intake: { mqtt: { port: intake, tls: certificates } },
        agents: [{ id: ALPHA.agent, site: ALPHA.site }],
        records: { orders: { http: {} } },
        sinks: {
          prometheus: {},
          redis: {
            url: redisServer.url,
            prefix: "order_monitor:{window}",
            windows: ["orders_1m", "payments_1m"],
          },
        },
      },
    });
    const site = await SiteHarness.prepare({
      works,
      ...ALPHA,
      pipelinePath,
      uplinkPort: intake,
      config: {
        limits: { outOfOrderness: "500ms" },
        uplink: {
          url: `mqtts://localhost:${intake}`,
          ca: certificates.ca,
          cert: works.write("uplink.crt", TEST_CERTIFICATES.agentCertificate),
          key: works.write("uplink.key", TEST_CERTIFICATES.agentKey),
        },
      },
    });
    await Promise.all([central.start(), site.start()]);
    const plan = readFileSync(checkoutPath("simulator/plans/newcomer.yaml"), "utf8");
    const simulator = works.process("simulator", "simulator/src/main.ts", [
      "run",
      "--plan",
      works.write("plan.yaml", plan.replace(/^ {2}beta:.*\n/m, "")),
      "--truth",
      works.path("truth.jsonl"),
      "--broker",
      `alpha=${site.brokerUrl}`,
    ]);
    simulator.start();
    const prometheus = await PrometheusWorks.start(works, {
      central: central.httpPort,
      agent: site.statusPort,
    });
    const url = `http://127.0.0.1:${central.httpPort}`;
    const posted = await fetch(`${url}/api/v1/records/orders`, {
      method: "POST",
      body: orderLines(Date.now()),
    });
    expect(posted.status).toBe(200);
    expect(readFileSync(checkoutPath("docs/monitoring.md"), "utf8")).toContain(GRAFANA_RIGHTS);
    await redisServer.client().acl("SETUSER", "grafana", "on", ">pane", ...GRAFANA_RIGHTS.split(" "));
    const redis = redisServer.client({ username: "grafana", password: "pane" });
    const world = { prometheus, redis };
    connect(site.brokerPort, "127.0.0.1")
      .on("error", () => undefined)
      .end("no MQTT at all\n");

    const centralMetrics = async () => (await fetch(`${url}/metrics`)).text();
    await until("windows have ended", async () =>
      (await centralMetrics()).includes(
        'millrace_window_temperature_mean_celsius{window="temperature_5s",site="alpha"}',
      ),
    );
    for (const text of [await centralMetrics(), await site.metrics()])
      expect(promtool(["check", "metrics"], { input: text })).toEqual({ status: 0, output: "" });

    await until("junk is counted", async () =>
      (await site.metrics()).includes('millrace_agent_input_malformed_packets_total{input="broker"} 1\n'),
    );

    const dashboards = readDashboards();
    const [{ panels }] = dashboards;
    const nothing = { datasource: { type: "prometheus", uid: "" }, expr: "millrace_nothing" };
    expect(await emptyReason(nothing, panels[0], {}, world)).toBe("no series");
    const silent = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const dashboard of dashboards) {
        const values = await variablesOf(dashboard, world);
        for (const panel of dashboard.panels)
          for (const target of panel.targets) {
            const reason = await emptyReason(target, panel, values, world);
            if (reason !== null)
              found.push(`${dashboard.title}, ${panel.title}: ${target.expr ?? target.keyName}: ${reason}`);
          }
      }
      return found;
    };
    let last: string[] = ["nothing was asked"];
    await until("every panel has data", async () => {
      last = await silent();
      return last.length === 0;
    }).catch(() => expect(last).toEqual([]));

    for (const { health, lastError, scrapePool } of await prometheus.targets())
      expect({ scrapePool, health, lastError }).toEqual({ scrapePool, health: "up", lastError: "" });
    const { broken, count } = await prometheus.brokenRules();
    expect(broken).toEqual([]);
    expect(count).toBeGreaterThan(8);
    expect(await prometheus.instant('ALERTS{alertstate="firing"}')).toEqual([]);

    await site.process.kill();
    await until("the alert waits for its minute", async () => {
      const [alert] = await prometheus.instant('ALERTS{alertname="MillraceAgentSilent"}');
      return alert?.labels["agent"] === ALPHA.agent && alert.labels["site"] === ALPHA.site;
    });
  },
);
