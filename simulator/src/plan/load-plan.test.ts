// A plan's errors are found before anything runs, all of them, each with its place.
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadPlan, parsePlan } from "./load-plan.ts";

const SITES = `version: 1
sites:
  alpha: { broker: "mqtt://127.0.0.1:1883", lines: 1, machinesPerLine: 2 }
`;

test("the newcomer's plan loads, and flags replace seed and brokers", () => {
  const path = join(import.meta.dirname, "../../plans/newcomer.yaml");
  const plan = loadPlan(path, { seed: 9, brokers: new Map([["beta", "mqtt://127.0.0.1:7"]]) });
  expect(plan.seed).toBe(9);
  expect(plan.sites.map((site) => site.broker)).toEqual(["mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:7"]);
  expect(plan.events).toEqual([
    { site: "alpha", line: "line-1", machine: "machine-2", atMs: 6_000, targetCelsius: 160 },
  ]);
  expect(plan.rules).toEqual([{ rule: "overheating", metric: "temperature", above: 80, clearBelow: 75 }]);
});

test.each([
  [`${SITES}spedd: 5\n`, 'p.yaml:4:1: unknown key "spedd"'],
  [`${SITES}readingsPerSecond: fast\n`, "p.yaml:4:20: readingsPerSecond:"],
  [`${SITES}signals: { tau: soon }\n`, 'p.yaml:4:17: signals.tau: "soon" is no duration'],
  [
    `${SITES}events: [{ overheat: alpha/line-9/machine-1, at: 1s, targetCelsius: 99 }]\n`,
    "p.yaml:4:22: no machine alpha/line-9/machine-1",
  ],
  [
    `${SITES}rules: { hot: { metric: temperature, above: 5, clearBelow: 6 } }\n`,
    "p.yaml:4:60: clearBelow 6 is above the limit 5",
  ],
  ["version: 1\nsites: {\n", "p.yaml:3:1:"],
])("%#: %s", (text, problem) => {
  expect(() => parsePlan(text, "p.yaml")).toThrow(problem);
});
