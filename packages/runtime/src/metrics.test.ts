// Metrics: names from the table only, each app instance its own registry, totals that follow a durable ledger.
import { expect, test } from "vitest";
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
