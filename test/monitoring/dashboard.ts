import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../house/source-file.ts";

const FOLDER = path.join(repositoryRoot, "docs/grafana/dashboards");

const dataSource = z.object({ type: z.string(), uid: z.string() });
const target = z.looseObject({
  datasource: dataSource,
  expr: z.string().optional(),
  instant: z.boolean().optional(),
  command: z.string().optional(),
  keyName: z.string().optional(),
  field: z.string().optional(),
});
const transformation = z.object({ id: z.string(), options: z.record(z.string(), z.unknown()) });
const panel = z.object({
  id: z.int(),
  // Each comes with Grafana.
  type: z.enum(["row", "timeseries", "table", "bargauge", "stat", "barchart"]),
  title: z.string(),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  datasource: dataSource.optional(),
  targets: z.array(target).prefault([]),
  transformations: z.array(transformation).prefault([]),
});
const variable = z.object({
  name: z.string(),
  type: z.enum(["query", "textbox"]),
  datasource: dataSource.optional(),
  query: z.union([z.string(), z.object({ query: z.string() }).transform(({ query }) => query)]),
  allValue: z.string().optional(),
});
/** All that @grafana/schema (10.4) has of a `DashboardLink`. */
const link = z.strictObject({
  type: z.literal("dashboards"),
  title: z.string(),
  tags: z.array(z.string()),
  icon: z.string(),
  tooltip: z.string(),
  asDropdown: z.boolean(),
  includeVars: z.boolean(),
  keepTime: z.boolean(),
  targetBlank: z.boolean(),
});
const dashboard = z.object({
  // Grafana takes no longer one.
  uid: z.string().max(40),
  title: z.string().min(1),
  // Of Grafana 10.3; an older one takes what it does not know for damage.
  schemaVersion: z.literal(39),
  links: z.array(link),
  panels: z.array(panel),
  templating: z.object({ list: z.array(variable) }),
});

/** What a dashboard of docs/grafana asks of its data sources. */
export type Dashboard = z.output<typeof dashboard> & { readonly file: string };
export type Panel = Dashboard["panels"][number];
export type Target = Panel["targets"][number];
export type Variable = Dashboard["templating"]["list"][number];

export function readDashboards(): Dashboard[] {
  return globSync("*.json", { cwd: FOLDER })
    .toSorted()
    .map((file) => ({ file, ...dashboard.parse(JSON.parse(readFileSync(path.join(FOLDER, file), "utf8"))) }));
}

/** A query with its variables in place, as Grafana does it: `$name`, `${name}`, `${name:format}`. What is not known stays. */
export function withVariables(query: string, values: Readonly<Record<string, string>>): string {
  return query.replaceAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (found, braced?: string, plain?: string) => {
    return values[braced ?? plain ?? ""] ?? found;
  });
}
