// A table's columns as central.yaml has them, beside what the pipeline reads of its rows: what would never be found is said.
import { expect, test } from "vitest";
import { loadCentralConfig } from "./load-central-config.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem } from "./problem.ts";
import { recordProblems } from "./record-problems.ts";

const PIPELINE = `version: 1
metrics:
  amount:
    unit: CNY
    from: { records: orders, json: { id: $.order_id, time: { path: $.day, unit: ms }, value: $.amount, labels: { region: $.region } } }
    accumulate: [count, sum]
  distance:
    unit: km
    from:
      records: trucks
      json: { id: $.id, time: { path: $.at, unit: ms }, position: { longitude: $.lon, latitude: $.lat }, labels: { truck: $.truck } }
    accumulate: [count]
  late:
    unit: min
    from: { records: orders, json: { id: $.order_id, time: { path: $.day, unit: ms }, since: { path: $.due, unit: ms } } }
    accumulate: [count]
`;

function warnings(debezium: string, pipeline = PIPELINE, stream = "orders"): string[] {
  const central = `version: 1\nrecords:\n  ${stream}: { http: {}, debezium: ${debezium} }\n`;
  const read = (text: string) => ({ env: {}, readFile: () => text });
  return recordProblems(
    loadCentralConfig("/c.yaml", read(central)),
    loadPipeline("/p.yaml", read(pipeline)),
  ).warnings.map(formatProblem);
}

test("columns that are read are described without a word", () => {
  expect(warnings("{ decimals: { amount: 2, due: 0 }, dates: [day] }")).toEqual([]);
  expect(warnings("{ decimals: { lon: 6, lat: 6, truck: 0 } }", PIPELINE, "trucks")).toEqual([]);
});

test("a decimal's column, or a date's, that no metric reads is told at its place, with the nearest that is read", () => {
  expect(warnings("{ decimals: { amont: 2, fee: 2 }, dates: [dya] }")).toEqual([
    "/c.yaml:3:47: no metric reads column amont of records orders; did you mean amount?",
    "/c.yaml:3:57: no metric reads column fee of records orders; there are order_id, day, amount, region, due",
    "/c.yaml:3:75: no metric reads column dya of records orders; did you mean day?",
  ]);
});

test("a column of days beside that of the event time is told: it is read as it comes", () => {
  expect(warnings("{ dates: [due] }")).toEqual([
    "/c.yaml:3:43: dates is for the column of the event time, day; due is read as it comes",
  ]);
});

test("of a stream that nobody reads only that is told", () => {
  expect(warnings("{ decimals: { amont: 2 } }", PIPELINE, "others")).toEqual([
    "/c.yaml:3:3: no metric reads records others: they are not taken",
  ]);
});

test("a path that begins at the event, and not at the row, is told at its place: it would never be found", () => {
  const around = PIPELINE.replace("$.amount", "$.after.amount")
    .replace("$.region", '"$.payload.after.region"')
    .replace("path: $.due", "path: $.before.due");
  const why =
    "records orders are changes of a table (debezium in central.yaml), whose paths begin at the row:";
  expect(warnings("{ decimals: { amount: 2 } }", around)).toEqual([
    `/p.yaml:5:87: ${why} after would be one of its columns; begin with amount`,
    `/p.yaml:5:120: ${why} payload would be one of its columns; begin with region`,
    `/p.yaml:15:96: ${why} before would be one of its columns; begin with due`,
  ]);
});

test("columns that are called as the event's parts are columns: in text, or lists", () => {
  const named = PIPELINE.replace("$.amount", '"$.after[0]"').replace("$.region", "$.payload");
  expect(warnings("{}", named)).toEqual([]);
});
