// The roads of the shipped pipeline are those of the fleet, and who is beside them is who makes a detour by the truth.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadPipeline } from "@millrace/config";
import { expect, test } from "vitest";
import { BusinessRun } from "../../business/business-run.ts";
import type { BusinessTruthLine } from "../../business/truth/business-truth-line.ts";
import { loadPlan, parsePlan } from "../../plan/load-plan.ts";
import { isInZone } from "./geography.ts";

const ROOT = join(import.meta.dirname, "../../../..");
const START_MS = 1_767_571_200_000;
const EVERY_MS = 10_000;

interface Report {
  readonly truck: string;
  readonly time: number;
  readonly lon: number;
  readonly lat: number;
}

function roads() {
  const { metrics } = loadPipeline(join(ROOT, "pipelines/trucks.yaml"), {
    env: {},
    readFile: (path) => readFileSync(path, "utf8"),
  }).config;
  const source = metrics.find(({ name }) => name === "truck_on_road")?.source;
  const labels = source?.kind === "records" ? source.measure.labels : [];
  return labels.flatMap((label) => ("zone" in label ? label.zone.zones : []));
}

test("each road is a route of the plan, and as wide as its corridor", () => {
  const trucks = loadPlan(join(ROOT, "simulator/plans/fleet.yaml")).business?.trucks;
  expect(roads()).toEqual(
    trucks?.routes.map(({ route, stops }) => ({
      name: route,
      shape: {
        kind: "corridor",
        line: stops.map(({ longitude, latitude }) => [longitude, latitude]),
        withinKm: trucks.corridorKm,
      },
    })),
  );
});

test("a truck is beside its road, as the pipeline has it, while the truth has its detour: to one report", () => {
  const text = readFileSync(join(ROOT, "simulator/plans/fleet.yaml"), "utf8");
  const plan = parsePlan(text.replace("detoursPerDay: 0.2", "detoursPerDay: 8"), "plan");
  if (plan.business === null) throw new Error("the plan makes records");
  const lines: BusinessTruthLine[] = [];
  const record = (line: BusinessTruthLine): void => void lines.push(line);
  const run = new BusinessRun({ plan: plan.business, seed: 7, startMs: START_MS, record, hasRecords: true });
  const own = new Map(roads().map(({ name, shape }) => [name, shape]));
  const beside = new Map<string, number[]>();
  while (run.nextTimeMs < START_MS + 2_400_000)
    for (const { topic, json } of run.step()) {
      if (topic !== "trucks" || json === null) continue;
      const { truck, time, lon, lat }: Report = JSON.parse(json);
      const road = own.get(truck.replace(/-\d+$/, ""));
      if (road === undefined || isInZone(road, { longitude: lon, latitude: lat })) continue;
      beside.set(truck, [...(beside.get(truck) ?? []), time]);
    }
  const detours = lines.flatMap((line) =>
    line.type === "truck-alarm" && line.alarm === "detour" ? [line] : [],
  );
  expect(detours.length).toBeGreaterThan(3);
  expect(new Set(detours.map(({ truck }) => truck))).toEqual(new Set(beside.keys()));
  for (const { truck, time } of detours)
    expect(Math.min(...(beside.get(truck) ?? []).map((each) => Math.abs(each - time)))).toBeLessThanOrEqual(
      EVERY_MS,
    );
});
