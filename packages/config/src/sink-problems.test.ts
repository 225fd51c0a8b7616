// What of sinks can be judged only beside the pipeline, by its place in central.yaml.
import { expect, test } from "vitest";
import { loadCentralConfig } from "./load-central-config.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem } from "./problem.ts";
import { sinkProblems } from "./sink-problems.ts";

const PIPELINE = `version: 1
metrics:
  orders: { unit: "1", from: { topic: "orders/{region}", number: {} }, accumulate: [count] }
windows:
  orders_1m: { metric: orders, size: 1m, by: [region] }
  orders_1h: { metric: orders, size: 1h, by: [region] }
`;

test.each([
  ["", []],
  ["windows: [orders_1m]", []],
  ["prefix: 'orders:{window}'", []],
  [
    "windows: [orders_1m, order_1h], prefix: '{window}'",
    ["central.yaml:2:71: the pipeline has no window order_1h; did you mean orders_1h?"],
  ],
  [
    "windows: [orders_1m, orders_1h]",
    [expect.stringContaining("2 windows would share the keys order_monitor:…")],
  ],
  ["prefix: shop", [expect.stringContaining('such as "shop:{window}"')]],
])("sinks.redis with %s", (more, expected) => {
  const redis = more === "" ? "" : `sinks: { redis: { url: "redis://localhost:6379", ${more} } }\n`;
  const readFile = () => `version: 1\n${redis}`;
  const central = loadCentralConfig("central.yaml", { env: {}, readFile });
  const pipeline = loadPipeline("pipeline.yaml", { env: {}, readFile: () => PIPELINE });
  expect(sinkProblems(central, pipeline.config).map(formatProblem)).toEqual(expected);
});

test("windows of the other sinks are looked for too, each in its own list", () => {
  const text = `version: 1
sinks:
  kafka: { brokers: ["localhost:9092"], windows: [orders_1m, order_1h] }
  file: { folder: ./results, windows: [none] }
  prometheus: { windows: [orders_1d] }
`;
  const central = loadCentralConfig("central.yaml", { env: {}, readFile: () => text });
  const pipeline = loadPipeline("pipeline.yaml", { env: {}, readFile: () => PIPELINE });
  expect(sinkProblems(central, pipeline.config).map(formatProblem)).toEqual([
    expect.stringMatching(
      /^central.yaml:3:62: the pipeline has no window order_1h; did you mean orders_1h\?$/,
    ),
    expect.stringMatching(/^central.yaml:4:40: the pipeline has no window none/),
    expect.stringMatching(/^central.yaml:5:27: the pipeline has no window orders_1d/),
  ]);
});
