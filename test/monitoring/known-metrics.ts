import { METRIC_TABLE } from "@millrace/runtime";
import type { MetricRow } from "@millrace/runtime";
import type { Pipeline } from "@millrace/config";
import { paneLayout, PANE_MS_MIN, resultNames } from "@millrace/stream";
import { WindowGauges } from "../../central/src/sinks/prometheus/window-gauges.ts";

/** What is told of a window beside its values. */
const FACTS = ["end_timestamp_seconds", "agents_expected", "agents_missing", "revision"];

/** Every name that a scrape of agent and central can have, with the windows of this pipeline. */
export function knownMetrics({ metrics, windows }: Pick<Pipeline, "metrics" | "windows">): Set<string> {
  const rows: [string, MetricRow][] = Object.entries(METRIC_TABLE);
  const ofTable = rows.flatMap(([name, { type }]) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  );
  const ofWindows = windows.flatMap((window) => {
    const metric = metrics.find(({ name }) => name === window.metric);
    if (metric === undefined) return [];
    const gauges = new WindowGauges(window, metric);
    return resultNames(paneLayout(PANE_MS_MIN, metric.accumulate)).flatMap(
      (result) => gauges.of(result)?.name ?? [],
    );
  });
  const ended = [...ofWindows, ...FACTS].map((name) => `millrace_window_${name}`);
  const live = [...ofWindows, "end_timestamp_seconds"].map((name) => `millrace_live_window_${name}`);
  return new Set([...ofTable, ...ended, ...live]);
}

/** Names of metrics that stand in a text, such as a query; of what is quoted nothing is looked at. */
export function metricsIn(text: string): string[] {
  return [...text.replaceAll(/"[^"]*"/g, "").matchAll(/\bmillrace_[a-z0-9_]+/g)].map(([name]) => name);
}
