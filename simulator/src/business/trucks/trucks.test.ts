// Trucks drive as trucks do, on their roads, and which alarms their reports must raise is judged by hand.
import { expect, test } from "vitest";
import { parsePlan } from "../../plan/load-plan.ts";
import type { TrucksPlan } from "../plan/business-plan.ts";
import { RouteLine } from "./route-line.ts";
import { kmBetween, kmFromLine, TruckOracle } from "./truck-oracle.ts";
import type { TruckReport } from "./truck-report.ts";
import { Truck } from "./truck.ts";

const START_MS = 1_767_571_200_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function planOf(settings = ""): TrucksPlan {
  const text = `version: 1
business:
  trucks:
    routes: { road: { through: [北京, 天津, 济南], trucks: 5, tunnels: [{ from: 50, to: 58 }] } }
    ${settings.replaceAll("\n", "\n    ")}
`;
  const plan = parsePlan(text, "plan").business?.trucks;
  if (plan == null) throw new Error("the plan has trucks");
  return plan;
}

function reportsOf(plan: TrucksPlan, lengthMs: number, name = "road-1"): TruckReport[] {
  const line = new RouteLine(plan.routes[0].stops);
  const truck = new Truck({ plan, route: 0, line, name, seed: 5, startMs: START_MS });
  const reports: TruckReport[] = [];
  while (truck.nextMs < START_MS + lengthMs) reports.push(truck.next());
  return reports;
}

test("a route is as long as the map says, and heads where its cities lie", () => {
  const place = (longitude: number, latitude: number) => ({ city: "", longitude, latitude });
  // Great circles: 北京 to 上海 1,067 km, Hamburg to München 612 km.
  expect(new RouteLine([place(116.407, 39.904), place(121.474, 31.23)]).lengthKm / 1_067).toBeCloseTo(1, 2);
  expect(new RouteLine([place(9.993, 53.551), place(11.582, 48.135)]).lengthKm / 612).toBeCloseTo(1, 2);
  const north = new RouteLine([place(10, 50), place(10, 51), place(11, 51), place(11, 50), place(10, 50)]);
  const headings = [10, 150, 210, 330].map((km) => north.placeAt(km, 0).heading);
  expect(headings).toEqual([0, 90, 180, 270]);
  const aside = north.placeAt(50, 2);
  expect(aside.longitude).toBeGreaterThan(10);
  expect(kmFromLine(aside, [place(10, 50), place(10, 51)])).toBeCloseTo(2, 2);
});

test("a truck keeps to the road and its speed, rests, turns round, and its odometer is the way that it went", () => {
  const plan = planOf("speedingPerDay: 0\ndetoursPerDay: 0\nrest: { every: 3h, for: 30m }");
  const { stops } = plan.routes[0];
  const reports = reportsOf(plan, DAY_MS);
  expect(reports.length).toBe(8_640);
  let wayM = 0;
  reports.slice(1).forEach((report, at) => {
    const last = reports[at];
    expect(report.timeMs - last.timeMs).toBe(10_000);
    expect(kmFromLine(report, stops)).toBeLessThan(0.01);
    expect(Math.abs(report.odometerM - last.odometerM - (report.speedKmh * 10_000) / 3_600)).toBeLessThan(1);
    const km = kmBetween(last, report);
    wayM += km * 1_000;
    expect(km).toBeLessThan(0.3);
  });
  const goneM = reports[reports.length - 1].odometerM - reports[0].odometerM;
  expect(wayM / goneM).toBeCloseTo(1, 1);
  const driving = reports.filter(({ speedKmh }) => speedKmh > 60);
  expect(driving.reduce((sum, { speedKmh }) => sum + speedKmh, 0) / driving.length).toBeCloseTo(80, -1);
  expect(reports.filter(({ speedKmh }) => speedKmh === 0).length).toBeGreaterThan(4 * 170);
  expect(new Set(reports.map(({ to }) => to))).toEqual(new Set(["北京", "天津", "济南"]));
  // It keeps to its schedule, which has its rests in it.
  expect(reports.every(({ timeMs, dueMs }) => timeMs < dueMs + plan.lateAfterMs)).toBe(true);
});

test("in a tunnel reports wait and come in one burst behind it; none is lost", () => {
  const reports = reportsOf(planOf("speedingPerDay: 0\ndetoursPerDay: 0"), DAY_MS);
  const late = reports.filter(({ sentMs, timeMs }) => sentMs > timeMs);
  const bursts = new Map<number, TruckReport[]>();
  for (const report of late) bursts.set(report.sentMs, [...(bursts.get(report.sentMs) ?? []), report]);
  expect(bursts.size).toBeGreaterThanOrEqual(2);
  for (const [sentMs, burst] of bursts) {
    // Eight km at 80 km/h: some six minutes.
    expect(burst.length).toBeGreaterThan(25);
    expect(burst.length).toBeLessThan(50);
    expect(reports.some(({ timeMs }) => timeMs === sentMs)).toBe(true);
    burst.forEach((report, at) => expect(report.timeMs).toBe(sentMs - (burst.length - at) * 10_000));
  }
  expect(reports.map(({ number }) => number)).toEqual(reports.map((_, at) => at + 1));
});

test("events of the plan: silence is a burst afterwards, a dead device says nothing, one that stands goes nowhere", () => {
  const plan = planOf(`speedingPerDay: 0
detoursPerDay: 0
events:
  - { truck: road-1, event: silence, at: 1h, for: 10m }
  - { truck: road-2, event: dead, at: 1h, for: 10m }
  - { truck: road-3, event: stop, at: 1h, for: 10m }
  - { truck: road-4, event: speeding, at: 1h, for: 10m }
  - { truck: road-5, event: detour, at: 1h, for: 10m }`);
  const during = (name: string): TruckReport[] =>
    reportsOf(plan, 3 * 60 * MINUTE_MS, name).filter(
      ({ timeMs }) => timeMs >= START_MS + 60 * MINUTE_MS && timeMs < START_MS + 70 * MINUTE_MS,
    );
  const silent = during("road-1");
  expect(silent).toHaveLength(60);
  expect(silent.every(({ sentMs }) => sentMs >= START_MS + 70 * MINUTE_MS)).toBe(true);
  expect(during("road-2")).toEqual([]);
  const standing = during("road-3").slice(12);
  expect(new Set(standing.map(({ odometerM, speedKmh }) => `${odometerM} ${speedKmh}`)).size).toBe(1);
  expect(Math.max(...during("road-4").map(({ speedKmh }) => speedKmh))).toBeGreaterThan(105);
  const { stops } = plan.routes[0];
  const aside = during("road-5").map((report) => kmFromLine(report, stops));
  expect(Math.max(...aside)).toBeGreaterThan(8);
  expect(Math.max(...aside)).toBeLessThan(9.1);
  expect(aside.at(-1)).toBeLessThan(1);
});

test("spells of speeding and detours come as often as was asked", () => {
  const plan = planOf(
    "speedingPerDay: 4\ndetoursPerDay: 2\nspeedLimitKmh: 110\nrest: { every: 24h, for: 1s }",
  );
  const oracle = new TruckOracle(plan);
  const steps = reportsOf(plan, 60 * DAY_MS).flatMap((report) => oracle.add(report));
  const detours = steps.filter(({ alarm, step }) => alarm === "detour" && step === "alarm");
  expect(Math.abs(detours.length - 120)).toBeLessThan(4 * Math.sqrt(120));
});

const PLAN = planOf("lateAfter: 30m\nsilentAfter: 2m\ncorridorKm: 3");
const BEIJING = { longitude: 116.407, latitude: 39.904 };
let number = 0;
/** A report of a truck that is on its road, on time and slow enough, but for what is said. */
function report(minute: number, what: Partial<TruckReport> = {}): TruckReport {
  const timeMs = START_MS + minute * MINUTE_MS;
  number += 1;
  return {
    truck: "road-1",
    route: 0,
    number,
    timeMs,
    sentMs: timeMs,
    ...BEIJING,
    speedKmh: 80,
    heading: 130,
    odometerM: number,
    to: "天津",
    dueMs: START_MS + 60 * MINUTE_MS,
    ...what,
  };
}

const at = (minute: number): number => START_MS + minute * MINUTE_MS;

test.each([
  ["no alarm", [report(0), report(1), report(3)], []],
  [
    "too fast",
    [report(0), report(1, { speedKmh: 100.1 }), report(2, { speedKmh: 100 })],
    ["1 alarm speed", "2 cleared speed"],
  ],
  [
    "beside the road, and back",
    [
      report(0, { longitude: 116.45, latitude: 39.94 }),
      report(1, { longitude: 116.48, latitude: 39.96 }),
      report(2),
    ],
    ["0 alarm detour", "2 cleared detour"],
  ],
  [
    "late until it is there",
    [report(89), report(90), report(90.01), report(91), report(91.5, { to: "济南", dueMs: at(150) })],
    ["90.01 alarm late", "91.5 cleared late"],
  ],
  [
    "silent, since the clock of who listens says so",
    [report(0), report(2), report(4.01)],
    ["4 alarm silent", "4.01 cleared silent"],
  ],
  [
    "a burst is silence all the same",
    [report(0), report(1, { sentMs: at(3) }), report(2, { sentMs: at(3) }), report(3)],
    ["2 alarm silent", "3 cleared silent"],
  ],
] as const)("%s", (_, reports, expected) => {
  const oracle = new TruckOracle(PLAN);
  const steps = reports.flatMap((each) => oracle.add(each));
  expect(
    steps.map(({ timeMs, step, alarm }) => `${(timeMs - START_MS) / MINUTE_MS} ${step} ${alarm}`),
  ).toEqual(expected);
});

test("who is silent at the end is silent", () => {
  const oracle = new TruckOracle(PLAN);
  oracle.add(report(0));
  expect(oracle.finish(at(2))).toEqual([]);
  expect(oracle.finish(at(3))).toMatchObject([{ alarm: "silent", step: "alarm", timeMs: at(2) }]);
});

test("what is kept when the run ends comes with the end: silence ends then, not when there would have been radio again", () => {
  const reports = [report(0), report(1, { sentMs: at(9) }), report(2, { sentMs: at(9) })];
  const stepsOf = (endMinute: number): string[] => {
    const oracle = new TruckOracle(PLAN);
    const steps = [...reports.flatMap((each) => oracle.add(each)), ...oracle.finish(at(endMinute))];
    return steps.map(
      ({ timeMs, step, value }) =>
        `${(timeMs - START_MS) / MINUTE_MS} ${step} after ${value / MINUTE_MS} minutes`,
    );
  };
  expect(stepsOf(5)).toEqual(["2 alarm after 2 minutes", "5 cleared after 5 minutes"]);
  expect(stepsOf(2)).toEqual([]);
});
