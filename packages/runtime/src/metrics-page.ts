import { METRIC_TABLE, type MetricRow } from "./metric-table.ts";

/** docs/metrics.md, a row per metric; `generate/pages.ts` writes it. */
export function metricsPage(): string {
  const rows: [string, MetricRow][] = Object.entries(METRIC_TABLE);
  return [INTRODUCTION, ...rows.map(([name, row]) => tableRow(name, row)), ""].join("\n");
}

const INTRODUCTION = `# Metrics

What \`/metrics\` of the agent and of central says, in Prometheus text format. Generated from
\`packages/runtime/src/metric-table.ts\`. Names end in their unit; counters in \`_total\`.

| metric | type | labels | meaning |
|---|---|---|---|`;

function tableRow(name: string, row: MetricRow): string {
  const labels = row.labels.map((label) => `\`${label}\``).join(", ") || "none";
  return `| \`${name}\` | ${row.type} | ${labels} | ${row.help.replaceAll(/<(\w+)>/g, "\\<$1\\>")} |`;
}
