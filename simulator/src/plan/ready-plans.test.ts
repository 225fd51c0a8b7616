// The plans that come with the simulator are as they say: every one loads, and the week has every kind of fault.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MachineBlock } from "../plant/machine-block.ts";
import { Machine } from "../plant/machine.ts";
import { loadPlan } from "./load-plan.ts";
import { METRICS } from "./metric.ts";
import { planSchema } from "./plan-schema.ts";

const folder = join(import.meta.dirname, "../../plans");
/** Monday, 5 January 2026, 0:00 UTC. */
const START_MS = 1_767_571_200_000;
const HOUR = 3_600;

test.each(readdirSync(folder))("%s loads", (file) => {
  const { sites, business } = loadPlan(join(folder, file));
  expect(sites.length > 0 || business !== null).toBe(true);
});

const kinds = planSchema.shape.faults.unwrap().element.options.map((option) => option.shape.fault.value);

test("the page names every signal and every kind of fault", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/simulator.md"), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(rows).toEqual(expect.arrayContaining([...METRICS, ...kinds]));
});

test("factory-week has every kind of fault, whole within the week", () => {
  const { faults } = loadPlan(join(folder, "factory-week.yaml"));
  expect(new Set(faults.map((each) => each.fault))).toEqual(new Set(kinds));
  for (const { atMs, growthMs } of faults) expect(atMs + growthMs).toBeLessThan(7 * 24 * HOUR * 1_000);
});

test("a week of a wearing machine: shifts, a maintenance, counters by the day, vibration that rises with the days", () => {
  const plan = loadPlan(join(folder, "factory-week.yaml"));
  const names = { site: "ningbo", line: "line-1", machine: "machine-2" };
  const machine = new Machine({ plan, ...names, startMs: START_MS, plantStartMs: START_MS });
  const block = new MachineBlock(plan.signals, HOUR);
  const columnOf = (metric: string): Float64Array =>
    block.values[plan.signals.findIndex((signal) => signal.metric === metric)];
  const states = new Map<string, number>();
  const vibrationByHour: number[] = [];
  let maintenanceCount = 0;
  let resetCount = 0;
  let lastPieces = 0;
  for (let hour = 0; hour < 7 * 24; hour += 1) {
    machine.generate(block, HOUR);
    for (const change of block.changes)
      if (change.type === "state" && change.state === "maintenance") maintenanceCount += 1;
    states.set(machine.state, (states.get(machine.state) ?? 0) + 1);
    const vibration = columnOf("vibration");
    vibrationByHour.push(vibration.reduce((sum, each) => sum + each, 0) / HOUR);
    for (const pieces of columnOf("pieces")) {
      if (Number.isNaN(pieces)) continue;
      if (pieces < lastPieces) resetCount += 1;
      lastPieces = pieces;
    }
  }
  expect(maintenanceCount).toBe(1);
  expect(resetCount).toBe(6);
  // 88 of 168 hours are shifts.
  expect(states.get("stopped")).toBeGreaterThan(70);
  expect(states.get("running")).toBeGreaterThan(60);
  const noons = [0, 1, 2, 3, 4].map((day) => Math.max(...vibrationByHour.slice(day * 24 + 8, day * 24 + 20)));
  expect(noons).toEqual(noons.toSorted((one, other) => one - other));
  expect(noons[4]).toBeGreaterThan(1.3 * noons[0]);
});
