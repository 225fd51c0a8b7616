// From Sparkplug births to a pipeline: it loads, and reads each metric that is a number once.
import { loadPipeline } from "@millrace/config";
import { SPARKPLUG_TYPES, type SparkplugType } from "@millrace/wire";
import fc from "fast-check";
import protobuf from "sparkplug-payload/lib/sparkplugPayloadProto.js";
import { expect, test } from "vitest";
import { SparkplugRoutes } from "../sparkplug/sparkplug-routes.ts";
import { SparkplugCensus } from "./sparkplug-census.ts";
import { suggestedPipeline } from "./suggested-pipeline.ts";
import { SuggestedNames } from "./suggested-names.ts";
import { suggestSparkplugMetrics } from "./suggest-sparkplug-metrics.ts";

const { Payload } = protobuf.org.eclipse.tahu.protobuf;

/** Types by name. */
type Metrics = Readonly<Record<string, SparkplugType>>;

function message(metrics: Metrics): Uint8Array {
  return Payload.encode(
    Payload.create({
      metrics: Object.entries(metrics).map(([name, type]) => ({
        name,
        datatype: SPARKPLUG_TYPES.indexOf(type),
      })),
    }),
  ).finish();
}

const aliasOnly = Payload.encode(Payload.create({ metrics: [{ alias: 7, floatValue: 1 }] })).finish();

function censusOf(births: readonly (readonly [string, Metrics])[]): SparkplugCensus {
  const census = new SparkplugCensus(1 << 20);
  for (const [topic, metrics] of births) census.hear(topic, message(metrics));
  return census;
}

function suggest(census: SparkplugCensus) {
  const suggestion = suggestSparkplugMetrics(census.sources(), {
    site: "alpha",
    names: new SuggestedNames(),
  });
  const text = suggestedPipeline(suggestion);
  const { metrics } = loadPipeline("pipeline.yaml", { readFile: () => text, env: {} }).config;
  return { ...suggestion, routes: new SparkplugRoutes({ metrics, site: "alpha" }) };
}

test("births of nodes and devices become metrics, names that differ in a number one of them", () => {
  const census = censusOf([
    ["spBv1.0/alpha/NBIRTH/l1", { bdSeq: "Int64", "Node Control/Rebirth": "Boolean", Load: "Float" }],
    [
      "spBv1.0/alpha/DBIRTH/l1/m1",
      { "Motor/1/Temperature": "Int32", "Motor/2/Temperature": "Int32", Name: "String", Runs: "Boolean" },
    ],
    ["spBv1.0/alpha/DBIRTH/l2/m2", { "Motor/1/Temperature": "Int32", Since: "DateTime" }],
  ]);
  const { metrics, unread } = suggest(census);
  const ids = { group: "{site}", node: "{node}" };
  expect(metrics).toEqual([
    {
      name: "Load",
      unit: "%",
      sparkplug: { ...ids, device: null, metric: "Load" },
      labels: ["node"],
      nameCount: 1,
    },
    {
      name: "Temperature",
      unit: "°C",
      sparkplug: { ...ids, device: "{device}", metric: "Motor/{motor}/Temperature" },
      labels: ["node", "device", "motor"],
      nameCount: 2,
    },
    {
      name: "Runs",
      unit: "1",
      sparkplug: { ...ids, device: "{device}", metric: "Runs" },
      labels: ["node", "device"],
      nameCount: 1,
    },
  ]);
  expect(unread).toEqual([
    { topic: "device metric Name", why: "String is no number" },
    { topic: "device metric Since", why: "a DateTime is no measure" },
  ]);
});

test("a node whose births were not heard is named, and offered to be asked once", () => {
  const census = censusOf([["spBv1.0/other/NBIRTH/l1", { Load: "Float" }]]);
  census.hear("spBv1.0/other/DDATA/l1/m1", aliasOnly);
  census.hear("spBv1.0/other/NDATA/l2", aliasOnly);
  census.hear("spBv1.0/other/NCMD/l3", aliasOnly);
  census.hear("spBv1.0/STATE/host", aliasOnly);
  census.hear("spBv1.0/other/NDATA/l4", Uint8Array.of(0x12, 0xff));
  expect(suggest(census).unread).toEqual([
    { topic: "other/l1/m1", why: "no birth was heard" },
    { topic: "other/l2", why: "no birth was heard" },
    { topic: "other/l4", why: "no birth was heard" },
  ]);
  expect(census.unreadCount).toBe(1);
  expect(census.takeUnasked(2).map(({ node }) => node)).toEqual(["l1", "l2"]);
  expect(census.takeUnasked(2).map(({ node }) => node)).toEqual(["l4"]);
  expect(census.takeUnasked(2)).toEqual([]);
  census.hear("spBv1.0/other/DBIRTH/l1/m1", message({ Heat: "Float" }));
  expect(census.unbornNodes().map(({ node }) => node)).toEqual(["l2", "l4"]);
  expect(suggest(census).metrics.map(({ name }) => name)).toEqual(["Load", "Heat"]);
});

const id = fc.oneof(
  fc.constantFrom("alpha", "l1", "l2", "$x", "{x}", "a b"),
  fc.string({ minLength: 1, maxLength: 4 }).filter((text) => !/[/+#]/.test(text)),
);
const nameLevel = fc.oneof(
  fc.constantFrom(
    "Motor",
    "Pump",
    "1",
    "2",
    "m1",
    "m2",
    "Temperature",
    "a:1",
    "{x}",
    "${X}",
    "",
    "site",
    "node",
  ),
  fc.string({ maxLength: 3 }),
);
const metricName = fc.array(nameLevel, { minLength: 1, maxLength: 3 }).map((levels) => levels.join("/"));
const birth = fc.tuple(
  fc.oneof(
    fc.tuple(id, id).map(([group, node]) => `spBv1.0/${group}/NBIRTH/${node}`),
    fc.tuple(id, id, id).map(([group, node, device]) => `spBv1.0/${group}/DBIRTH/${node}/${device}`),
  ),
  fc.dictionary(metricName, fc.constantFrom<SparkplugType>("Float", "Boolean", "Int8", "String", "DataSet"), {
    noNullPrototype: true,
  }),
);

test("any births give a pipeline that loads, and each metric that is not listed is read by one of it", () => {
  fc.assert(
    fc.property(fc.array(birth, { maxLength: 12 }), (births) => {
      const census = censusOf(births);
      const { unread, routes } = suggest(census);
      const listed = new Set(unread.map(({ topic }) => topic));
      const scopeOf = (device: string | null) => (device === null ? "edge node" : "device");
      for (const { source, metrics } of census.sources()) {
        const { group, node, device } = source;
        if (listed.has(device === null ? `${group}/${node}` : `${group}/${node}/${device}`)) continue;
        for (const name of metrics.keys()) {
          const isListed = listed.has(`${scopeOf(device)} metric ${name}`);
          expect([source, name, routes.bind(source, name).length]).toEqual([source, name, isListed ? 0 : 1]);
        }
      }
    }),
    { numRuns: 200 },
  );
});
