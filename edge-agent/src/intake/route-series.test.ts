// The series of a reading whose labels come from its payload: found again without new keys, remembered within a bound.
import { payloadDecoder } from "@millrace/wire";
import { loadPipeline } from "@millrace/config";
import { expect, test } from "vitest";
import { RouteSeries } from "./route-series.ts";
import { SeriesRegistry } from "./series-registry.ts";
import type { Route } from "./topic-routes.ts";

const PIPELINE = `
version: 1
metrics:
  m: { unit: g, from: { topic: "a/{line}", json: { value: $.v, labels: { machine: $.m, part: $.p } } } }
`;
const [metric] = loadPipeline("/pipeline.yaml", { readFile: () => PIPELINE }).config.metrics;
const route = (line: string): Route => ({
  metric,
  decoder: payloadDecoder({ kind: "json", value: "$.v", labels: { machine: "$.m", part: "$.p" } }),
  adjustment: undefined,
  labels: { line, site: "alpha" },
});

test("labels that join to the same text are not the same", () => {
  const registry = new SeriesRegistry({ seriesPerMetricMax: 10 });
  const series = new RouteSeries({ registry, site: "alpha" });
  const one = route("1");
  const found = series.find(one, ["a", "bc"]);
  expect(found).toMatchObject({ labels: { line: "1", machine: "a", part: "bc", site: "alpha" } });
  expect(series.find(one, ["ab", "c"])).not.toBe(found);
  expect(series.find(route("2"), ["a", "bc"])).not.toBe(found);
  expect(series.find(one, ["a", "bc"])).toBe(found);
});

test("more labels than are remembered give the same series", () => {
  const registry = new SeriesRegistry({ seriesPerMetricMax: 1_000 });
  const series = new RouteSeries({ registry, site: "alpha", cachedMax: 10 });
  const one = route("1");
  const found = Array.from({ length: 100 }, (_, index) => series.find(one, [`${index}`, "p"]));
  for (const [index, before] of found.entries()) {
    expect(series.find(one, [`${index}`, "p"])).toBe(before);
    expect(series.cachedCount).toBeLessThanOrEqual(10);
  }
  expect(registry.count).toBe(100);
});

test("refused ones are not remembered", () => {
  const series = new RouteSeries({ registry: new SeriesRegistry({ seriesPerMetricMax: 1 }), site: "alpha" });
  const one = route("1");
  series.find(one, ["a", "p"]);
  expect(series.find(one, ["b", "p"])).toBe("series_cap");
  expect(series.cachedCount).toBe(1);
});
