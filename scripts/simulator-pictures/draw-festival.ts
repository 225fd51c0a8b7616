import { BusinessRun } from "../../simulator/src/business/business-run.ts";
import { loadPlan } from "../../simulator/src/plan/load-plan.ts";
import { checkoutPath } from "../start/run-folder.ts";
import { type Chart, drawCharts } from "./chart.ts";

/** 22:00 in Shanghai, two hours before the sale. */
const START_MS = Date.UTC(2025, 10, 10, 14);
const HOUR_MS = 3_600_000;
const HOURS = 28;
const MINUTE_MS = 60_000;

/** Orders a minute and the share of failed payments over the plan festival's sale, from its truth. */
export function drawFestival(): string {
  const { business, seed } = loadPlan(checkoutPath("simulator/plans/festival.yaml"));
  if (business === null) throw new Error("invariant: the festival makes records");
  const minutes: { readonly start: number; readonly count: number; readonly failed: number }[] = [];
  const run = new BusinessRun({
    plan: { ...business, windowMs: [MINUTE_MS] },
    seed,
    startMs: START_MS,
    record: (line) => {
      if (line.type === "orders-window") minutes.push(line);
    },
    hasRecords: false,
  });
  while (run.nextTimeMs < START_MS + HOURS * HOUR_MS) run.step();
  const ticks = [0, 3, 6, 9, 12, 15, 18, 21, 24].map(
    (hour) => [START_MS + (hour + 2) * HOUR_MS, `${hour}:00`] as const,
  );
  const charts: Chart[] = [
    { title: "orders a minute", points: minutes.map(({ start, count }) => [start, count] as const), ticks },
    {
      title: "share of failed payments (%)",
      points: minutes.map(({ start, count, failed }) => [start, (100 * failed) / count] as const),
      ticks,
    },
  ];
  return drawCharts(charts);
}
