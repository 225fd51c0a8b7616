// Metrics: names from the table only, each app instance its own registry, totals that follow a durable ledger.
import { expect, test } from "vitest";
import { labelText } from "./gauge-family.ts";
import { METRIC_TABLE, type MetricRow } from "./metric-table.ts";
import { Metrics } from "./metrics.ts";

test("exposes what was counted, set and observed", async () => {
  const metrics = new Metrics();
  metrics.counter("millrace_agent_readings_total").add(2, { outcome: "received" });
  metrics.counter("millrace_agent_readings_total").add(1, { outcome: "received" });
  metrics.gauge("millrace_agent_readings_pending").set(7);
  metrics.histogram("millrace_agent_commit_seconds").observe(0.004);
  const { text, contentType } = await metrics.exposition();
  expect(contentType).toContain("text/plain");
  expect(text).toContain('millrace_agent_readings_total{outcome="received"} 3');
  expect(text).toContain("millrace_agent_readings_pending 7");
  expect(text).toContain('millrace_agent_commit_seconds_bucket{le="0.005"} 1');
});

test("two apps in one process do not share their numbers", async () => {
  const [first, second] = [new Metrics(), new Metrics()];
  first.gauge("millrace_agent_outbox_bytes").set(1);
  second.gauge("millrace_agent_outbox_bytes").set(2);
  expect((await first.exposition()).text).toContain("millrace_agent_outbox_bytes 1");
  expect((await second.exposition()).text).toContain("millrace_agent_outbox_bytes 2");
});

test("a counter follows a total kept elsewhere and never goes back", async () => {
  const metrics = new Metrics();
  const readings = metrics.counter("millrace_agent_readings_total");
  for (const total of [5, 5, 3, 9]) readings.follow(total, { outcome: "aggregated" });
  expect((await metrics.exposition()).text).toContain(
    'millrace_agent_readings_total{outcome="aggregated"} 9',
  );
});

test("a counter that has counted nothing yet is there, at 0", async () => {
  const metrics = new Metrics();
  metrics.counter("millrace_central_batches_total").follow(0, { outcome: "malformed" });
  expect((await metrics.exposition()).text).toContain(
    'millrace_central_batches_total{outcome="malformed"} 0',
  );
});

test("names carry their units", () => {
  const rows: [string, MetricRow][] = Object.entries(METRIC_TABLE);
  for (const [name, row] of rows) {
    expect(name).toMatch(/^millrace_[a-z_]+$/);
    expect(name.endsWith("_total"), name).toBe(row.type === "counter");
    if (row.type === "histogram") expect(name).toMatch(/_(seconds|bytes)$/);
    expect(row.buckets !== undefined, name).toBe(row.type === "histogram");
    expect(row.help).toMatch(/\.$/);
  }
});

test("OpenMetrics for those who accept it: counters without _total where they are described, units, an end", async () => {
  const metrics = new Metrics();
  metrics.counter("millrace_agent_readings_total").add(2, { outcome: "received" });
  metrics.histogram("millrace_agent_commit_seconds").observe(1);
  metrics.gauge("millrace_info").set(1, { program: 'a "quoted" one', version: "1" });
  const accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
  const { text, contentType } = await metrics.exposition({ accept });
  expect(contentType).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  expect(text).toContain("# TYPE millrace_agent_readings counter\n");
  expect(text).toContain('\nmillrace_agent_readings_total{outcome="received"} 2\n');
  expect(text).toContain("# UNIT millrace_agent_commit_seconds seconds\n");
  expect(text).toContain('millrace_agent_commit_seconds_bucket{le="2.0"} 1\n');
  expect(text).toContain('millrace_agent_commit_seconds_bucket{le="0.5"} 0\n');
  expect(text).not.toContain("\n\n");
  expect(text.endsWith("\n# EOF\n")).toBe(true);
  // Asked for both in turn, each is what it was.
  expect((await metrics.exposition()).text).toContain("# TYPE millrace_agent_readings_total counter\n");
});

test("gauges beside those of the table, with whatever stands in labels and values", async () => {
  const labels = labelText({ site: '北"京\\\n', line: "" });
  const samples = [0.1, Infinity, -Infinity, NaN].map((value) => ({ labels, value }));
  const families = [{ name: "millrace_window_x_mean", help: "Mean\\of\nx.", samples }];
  const { text } = await new Metrics().exposition({ families });
  const line = 'millrace_window_x_mean{site="北\\"京\\\\\\n",line=""}';
  expect(text.trimStart()).toBe(
    `# HELP millrace_window_x_mean Mean\\\\of\\nx.\n# TYPE millrace_window_x_mean gauge\n${line} 0.1\n${line} +Inf\n${line} -Inf\n${line} NaN\n`,
  );
  expect(labelText({})).toBe("");
});
