import type { BusinessPlan } from "../business/plan/business-plan.ts";
import type { RecordStreamName } from "../business/business-record.ts";
import { recordStreams } from "../business/plan/record-streams.ts";
import { METRIC_TRAITS } from "../plan/metric.ts";
import type { Plan } from "../plan/plan.ts";
import { yamlMap } from "./yaml-map.ts";

const STATISTICS = ["count", "sum", "mean", "min", "max"];

interface Parts {
  readonly metrics: Record<string, object>;
  readonly windows: Record<string, object>;
}

/** The pipeline file of a plan: every signal and every stream of records in windows, and the plan's own rules. */
export function planPipeline({ sites, signals, rules, business }: Plan): string {
  const parts: Parts = { metrics: {}, windows: {} };
  if (sites.length > 0)
    for (const { metric } of signals) {
      parts.metrics[metric] = {
        unit: METRIC_TRAITS[metric].unit,
        from: {
          topic: `factory/{site}/{line}/{machine}/${metric}`,
          json: { value: `$.${metric}`, time: { path: "$.ts", unit: "ms" } },
        },
        accumulate: STATISTICS,
        live: true,
      };
      parts.windows[`${metric}_10s`] = { metric, size: "10s", by: ["site"] };
      parts.windows[`${metric}_1m`] = { metric, size: "1m", by: ["site", "line"] };
    }
  if (business !== null) addRecords(business, parts);
  const limits = rules.map(({ rule, metric, above, clearBelow }) => [
    rule,
    { metric, when: { above, clearBelow }, severity: 500, message: `above ${above}` },
  ]);
  return [
    "# What is measured, aggregated and watched: the same file for every agent and for central.",
    "version: 1",
    ...yamlMap("metrics", parts.metrics),
    ...yamlMap("windows", parts.windows),
    ...yamlMap("rules", Object.fromEntries(limits)),
    "",
  ].join("\n");
}

/** What a metric reads of each record of a stream, and by what its windows are grouped. */
const READS: Readonly<
  Record<
    RecordStreamName,
    readonly {
      readonly metric: string;
      readonly unit: string;
      readonly id: string;
      readonly json: object;
      readonly labels: Readonly<Record<string, string>>;
      readonly accumulate: readonly unknown[];
    }[]
  >
> = {
  orders: [
    {
      metric: "order_amount",
      unit: "CNY",
      id: "$.order_id",
      json: { value: "$.amount" },
      labels: { region: "$.region", category: "$.category" },
      accumulate: STATISTICS,
    },
    {
      metric: "payment_failed",
      unit: "1",
      id: "$.order_id",
      json: { value: "$.payment", map: { paid: 0, failed: 1 } },
      labels: { region: "$.region" },
      accumulate: ["count", { ratio: { equal: 1 } }],
    },
  ],
  refunds: [
    {
      metric: "refund_amount",
      unit: "CNY",
      id: "$.refund_id",
      json: { value: "$.amount" },
      labels: { region: "$.region", category: "$.category" },
      accumulate: STATISTICS,
    },
  ],
  transfers: [
    {
      metric: "transfer_amount",
      unit: "CNY",
      id: "$.transfer_id",
      json: { value: "$.amount" },
      labels: {},
      accumulate: STATISTICS,
    },
  ],
  trucks: [
    {
      metric: "truck_way",
      unit: "km",
      id: "$.report_id",
      json: { position: { longitude: "$.lon", latitude: "$.lat" } },
      labels: { truck: "$.truck" },
      accumulate: ["count", "distance"],
    },
    {
      metric: "truck_speed",
      unit: "km/h",
      id: "$.report_id",
      json: { value: "$.speed" },
      labels: { truck: "$.truck" },
      accumulate: STATISTICS,
    },
  ],
  "app-opens": [
    {
      metric: "active_users",
      unit: "1",
      id: "$.open_id",
      json: { identity: "$.user" },
      labels: { platform: "$.platform" },
      accumulate: ["count", "distinctMany"],
    },
  ],
};

function addRecords(business: BusinessPlan, { metrics, windows }: Parts): void {
  const { timeFormat, zone } = business;
  const time = {
    path: "$.time",
    unit: timeFormat === "epoch-ms" ? "ms" : "iso",
    ...(timeFormat === "local" ? { timeZone: zone } : {}),
  };
  for (const stream of recordStreams(business))
    for (const { metric, unit, id, json, labels, accumulate } of READS[stream]) {
      const hasLabels = Object.keys(labels).length > 0;
      metrics[metric] = {
        unit,
        from: { records: stream, json: { id, time, ...json, ...(hasLabels ? { labels } : {}) } },
        accumulate,
        live: true,
      };
      windows[`${metric}_10s`] = {
        metric,
        size: "10s",
        ...(hasLabels ? { by: Object.keys(labels) } : {}),
        late: { allowed: "1d" },
      };
    }
}
