import { METRIC_TRAITS } from "../../simulator/src/plan/metric.ts";
import { loadPlan } from "../../simulator/src/plan/load-plan.ts";
import { MachineBlock } from "../../simulator/src/plant/machine-block.ts";
import { Machine } from "../../simulator/src/plant/machine.ts";
import { checkoutPath } from "../start/run-folder.ts";
import { type Chart, drawCharts } from "./chart.ts";

/** Monday, 5 January 2026, 0:00 UTC. */
const START_MS = 1_767_571_200_000;
const HOUR_MS = 3_600_000;
/** It overheats at 10:00 for three hours. */
const MACHINE = { site: "leipzig", line: "line-1", machine: "machine-1" };

/** Every signal of a machine of factory-week, over its first day. */
export function drawSignals(): string {
  const plan = loadPlan(checkoutPath("simulator/plans/factory-week.yaml"));
  const ticks = 24 * 3_600 * plan.readingsPerSecond;
  const block = new MachineBlock(plan.signals, ticks);
  new Machine({ plan, ...MACHINE, startMs: START_MS, plantStartMs: START_MS }).generate(block, ticks);
  const hours = Array.from({ length: 9 }, (_, at) => [START_MS + at * 3 * HOUR_MS, `${at * 3}:00`] as const);
  const charts = plan.signals.map(({ metric }, index): Chart => ({
    title: `${metric} (${METRIC_TRAITS[metric].unit})`,
    points: Array.from(block.timeMs, (time, at) => [time, block.values[index][at]] as const),
    ticks: hours.slice(1, -1),
  }));
  return drawCharts(charts);
}
