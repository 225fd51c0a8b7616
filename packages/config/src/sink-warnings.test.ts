// What of sinks is doubtful beside the pipeline: a Redis that is to hold more than it can be given again.
import { expect, test } from "vitest";
import { loadCentralConfig } from "./load-central-config.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem } from "./problem.ts";
import { sinkWarnings } from "./sink-warnings.ts";

const PIPELINE = `version: 1
metrics:
  orders: { unit: "1", from: { topic: "orders/{region}", number: {} }, accumulate: [count] }
windows:
  orders_1m: { metric: orders, size: 1m, by: [region], late: { allowed: 2d } }
  orders_1h: { metric: orders, size: 1h, by: [region], late: { allowed: 40d } }
`;

test.each([
  ["", "", []],
  ["retain: 1d", "", []],
  ["", ", retention: 30d", []],
  [
    "",
    ", retention: 31d",
    [
      "central.yaml:3:50: Redis is to keep window orders_1m for 31d, and central keeps its results for 30d only: a Redis that was emptied gets no more of them back; raise windows.retain to 31d, or lower sinks.redis.retention to 30d",
    ],
  ],
  // Its own lateness lets central keep it for longer.
  ["", ", retention: 31d, windows: [orders_1h]", []],
  ["retain: 1h", ", retention: 2d", []],
  [
    "retain: 1h",
    ", retention: 50d",
    [
      expect.stringMatching(
        /windows orders_1m and orders_1h for 50d, and central keeps their results for 2881m only/,
      ),
    ],
  ],
])("windows: { %s } and sinks.redis%s", (windows, redis, expected) => {
  const text = `version: 1
windows: { ${windows} }
sinks: { redis: { url: "redis://localhost:6379"${redis}, prefix: "{window}" } }
`;
  const central = loadCentralConfig("central.yaml", { env: {}, readFile: () => text });
  const pipeline = loadPipeline("pipeline.yaml", { env: {}, readFile: () => PIPELINE });
  expect(sinkWarnings(central, pipeline.config).map(formatProblem)).toEqual(expected);
});
