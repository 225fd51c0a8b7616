// Windows that are final before what is in time has come.
import { expect, test } from "vitest";
import { lateWarnings } from "./late-warnings.ts";
import { loadCentralConfig } from "./load-central-config.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem } from "./problem.ts";

const CENTRAL = `version: 1
windows: { grace: 2s }
records:
  orders: { outOfOrderness: 3s, http: {}, dedupe: { horizon: 1h } }
`;

function warningsOf(temperature: string, orders: string): string[] {
  const pipeline = `version: 1
metrics:
  temperature: { unit: "1", from: { topic: "plant/{machine}", number: {} }, accumulate: [count] }
  amount: { unit: "1", from: { records: orders, json: { id: $.id, time: { path: $.at, unit: ms }, value: $.amount } }, accumulate: [count] }
windows:
  temperature_10s: { metric: temperature, size: 10s, late: { allowed: ${temperature} } }
  orders_1m: { metric: amount, size: 1m, late: { allowed: ${orders} } }
`;
  const files = { "central.yaml": CENTRAL, "pipeline.yaml": pipeline };
  const read = (name: keyof typeof files) => ({ env: {}, readFile: () => files[name] });
  return lateWarnings(
    loadCentralConfig("central.yaml", read("central.yaml")),
    loadPipeline("pipeline.yaml", read("pipeline.yaml")),
  ).map(formatProblem);
}

test("a window that allows less lateness than its readings are out of order is warned of, at its place", () => {
  expect(warningsOf("7s", "3s")).toEqual([]);
  expect(warningsOf("6s", "0s")).toEqual([
    "pipeline.yaml:6:62: late.allowed is 6s, and an agent's readings come limits.outOfOrderness (5s where agent.yaml does not say) and the way later: window temperature_10s becomes final before all that is in time has come, without it; allow 7s at least",
    "pipeline.yaml:7:50: late.allowed is 0s, and records.orders.outOfOrderness is 3s: window orders_1m becomes final before all that is in time has come, without it; allow 3s at least",
  ]);
});
