// The dashboards of docs/grafana are whole: their metrics exist, their data sources are provisioned, their panels have room.
import { readFileSync } from "node:fs";
import path from "node:path";
import { loadPipeline } from "@millrace/config";
import { expect, test } from "vitest";
import { repositoryRoot } from "../house/source-file.ts";
import { readDashboards, withVariables } from "./dashboard.ts";
import type { Dashboard } from "./dashboard.ts";
import { knownMetrics, metricsIn } from "./known-metrics.ts";

const dashboards = readDashboards();
const known = knownMetrics(loadPipeline(path.join(repositoryRoot, "scripts/start/pipeline.yaml")).config);
const provisioned = readFileSync(
  path.join(repositoryRoot, "docs/grafana/provisioning/datasources/millrace.yaml"),
  "utf8",
);

function queriesOf({ panels, templating }: Dashboard): string[] {
  const ofPanels = panels.flatMap(({ targets }) => targets.map(({ expr = "" }) => expr));
  return [...ofPanels, ...templating.list.map(({ query }) => query)];
}

test("there are three, each under its own name", () => {
  expect(dashboards.map(({ file, uid }) => [file, uid])).toEqual(
    ["factory", "fleet", "orders"].map((name) => [`millrace-${name}.json`, `millrace-${name}`]),
  );
});

test.each(dashboards)("$file asks for metrics that exist", (dashboard) => {
  const asked = queriesOf(dashboard).flatMap(metricsIn);
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
});

test.each(dashboards)("$file has its data sources provisioned, and its variables defined", (dashboard) => {
  const names = Object.fromEntries(dashboard.templating.list.map(({ name }) => [name, ""]));
  const grafana = { __interval: "", __rate_interval: "", __range: "" };
  for (const { targets } of dashboard.panels)
    for (const { datasource, expr, keyName, field } of targets) {
      expect(provisioned).toContain(`uid: ${datasource.uid}\n    type: ${datasource.type}\n`);
      const text = withVariables(`${expr} ${keyName} ${field}`, { ...names, ...grafana });
      expect(text).not.toMatch(/\$\w/);
    }
});

test.each(dashboards)("$file: no panel lies on another, and each has a title and a query", ({ panels }) => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { type, title, targets, gridPos: a } of panels) {
    expect(title).not.toBe("");
    expect(targets.length > 0, title).toBe(type !== "row");
    expect(a.x + a.w).toBeLessThanOrEqual(24);
    const over = panels.filter(
      ({ gridPos: b }) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h,
    );
    expect(over, title).toHaveLength(1);
  }
});

// Grafana makes no time of a text of digits (@grafana/data, convertFieldType): it has to be a number before.
test("times that come as text become numbers first", () => {
  const conversions = dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ transformations }) =>
      transformations
        .filter(({ id }) => id === "convertFieldType")
        .map(({ options }) => options["conversions"]),
    ),
  );
  expect(conversions).toHaveLength(3);
  for (const each of conversions)
    expect(each).toEqual([
      { targetField: "time", destinationType: "number" },
      { targetField: "time", destinationType: "time" },
      { targetField: "Value", destinationType: "number" },
    ]);
});

test("metrics are found in a query, and parts of names in a regular expression are not", () => {
  expect(metricsIn('sum by (le) (rate(millrace_a_bucket{x="y"}[5m])) / millrace_b_total > 0')).toEqual([
    "millrace_a_bucket",
    "millrace_b_total",
  ]);
  expect(metricsIn('{__name__=~"millrace_(a|b)_total"}')).toEqual([]);
  expect(metricsIn("label_values(millrace_c, site)")).toEqual(["millrace_c"]);
  expect(metricsIn("millrace_d")).toEqual(["millrace_d"]);
  expect(metricsIn('job="millrace_e"')).toEqual([]);
});
