import { truckName } from "../../simulator/src/business/plan/business-plan.ts";
import { kmBetween, kmFromLine } from "../../simulator/src/business/trucks/truck-oracle.ts";
import { RouteLine } from "../../simulator/src/business/trucks/route-line.ts";
import type { TruckReport } from "../../simulator/src/business/trucks/truck-report.ts";
import { Truck } from "../../simulator/src/business/trucks/truck.ts";
import { loadPlan } from "../../simulator/src/plan/load-plan.ts";
import { checkoutPath } from "../start/run-folder.ts";
import { type Chart, drawCharts } from "./chart.ts";

const START_MS = Date.UTC(2025, 10, 10, 16);
const HOUR_MS = 3_600_000;
const HOURS = 24;
const ROUTE = 1;
const TRUCK = 4;

/** A day of a truck of the plan fleet: where it is on its route, how fast, and how late its reports come. */
export function drawRoute(): string {
  const { business, seed } = loadPlan(checkoutPath("simulator/plans/fleet.yaml"));
  const plan = business?.trucks;
  if (plan == null) throw new Error("invariant: the fleet has trucks");
  const { route, stops } = plan.routes[ROUTE];
  const line = new RouteLine(stops);
  const name = truckName(route, TRUCK);
  const truck = new Truck({ plan, route: ROUTE, line, name, seed, startMs: START_MS });
  const reports: TruckReport[] = [];
  while (truck.nextMs < START_MS + HOURS * HOUR_MS) reports.push(truck.next());
  const ticks = [3, 6, 9, 12, 15, 18, 21].map((hour) => [START_MS + hour * HOUR_MS, `${hour}:00`] as const);
  const chart = (title: string, of: (report: TruckReport) => number): Chart => ({
    title,
    points: reports.map((report) => [report.timeMs, of(report)] as const),
    ticks,
  });
  return drawCharts([
    chart(`km from ${stops[0].city}`, (report) => kmBetween(stops[0], report)),
    chart("speed (km/h)", ({ speedKmh }) => speedKmh),
    chart("beside its route (km)", (report) => kmFromLine(report, stops)),
    chart("report waits (s)", ({ timeMs, sentMs }) => (sentMs - timeMs) / 1_000),
  ]);
}
