// What the API says of a metric of records: enough to compute its windows elsewhere.
import { expect, test } from "vitest";
import { recordMetricView } from "./record-metric-view.ts";

const source = {
  kind: "records",
  stream: "orders",
  id: ["order_id"],
  time: { path: ["time"], unit: "ms", timeZone: null },
  measure: {
    metric: "payment_failed",
    path: ["payment"],
    map: new Map([["failed", 1]]),
    isOptional: false,
    adjustment: null,
    labels: [{ name: "region", path: ["region"] }],
  },
} as const;

test("stream, path, map and labels; that values are scaled is said; other metrics have none", () => {
  expect(recordMetricView(source)).toEqual({
    stream: "orders",
    timePath: ["time"],
    path: ["payment"],
    map: { failed: 1 },
    isOptional: false,
    isAdjusted: false,
    labels: [{ name: "region", path: ["region"] }],
  });
  const adjustment = { scale: 2, offset: 0, conversion: null };
  const scaled = { ...source, measure: { ...source.measure, adjustment } };
  expect(recordMetricView(scaled)?.isAdjusted).toBe(true);
  expect(recordMetricView({ kind: "host", sensor: "cpu" })).toBeUndefined();
});
