// The alert rules of docs/prometheus: valid, tested, of metrics that exist, each with a place where it says what to do.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parsePage } from "../docs/page.ts";
import { repositoryRoot } from "../house/source-file.ts";
import { knownMetrics, metricsIn } from "./known-metrics.ts";
import { hasPrometheus, promtool } from "./promtool.ts";

const folder = path.join(repositoryRoot, "docs/prometheus");
const read = (file: string) => readFileSync(path.join(repositoryRoot, file), "utf8");
const rules = read("docs/prometheus/millrace.rules.yml");
const tests = read("docs/prometheus/millrace.rules.test.yml");
/** Each alert's part of the file. */
const alerts = rules
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({ name: /^\w+/.exec(text)?.[0] ?? "", text }));
const known = knownMetrics({ metrics: [], windows: [] });

test("there are alerts", () => {
  expect(alerts.length).toBeGreaterThan(8);
});

test.each(alerts)(
  "$name: of metrics that exist, tested, with its section in operations.md",
  ({ name, text }) => {
    expect(metricsIn(text).filter((metric) => !known.has(metric))).toEqual([]);
    expect(tests).toMatch(new RegExp(`alertname(: |=")${name}\\b`));
    expect(text).toContain(`runbook_url: docs/operations.md#${name.toLowerCase()}`);
    expect(parsePage(read("docs/operations.md")).anchors).toContain(name.toLowerCase());
    expect(text).toMatch(/severity: (warning|critical)/);
  },
);

test("the metrics of the rules' tests exist", () => {
  expect(metricsIn(tests).filter((metric) => !known.has(metric))).toEqual([]);
});

test.skipIf(!hasPrometheus()).each([
  ["check", "config", "prometheus.yml"],
  ["check", "rules", "--lint-fatal", "millrace.rules.yml"],
  ["test", "rules", "millrace.rules.test.yml"],
])("promtool %s %s", (...args) => {
  const { status, output } = promtool(args, { cwd: folder });
  expect({ status, output }).toMatchObject({ status: 0 });
});
