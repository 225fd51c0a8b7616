// What befalls records on their way is a function of the seed, is all in the truth, and changes nothing in what is said.
import { expect, test } from "vitest";
import { MillraceError } from "@millrace/runtime";
import { parsePlan } from "../plan/load-plan.ts";
import type { BusinessRecord } from "./business-record.ts";
import { BusinessRun } from "./business-run.ts";
import type { BusinessTruthLine } from "./truth/business-truth-line.ts";

const START_MS = 1_767_571_200_000;
const DELIVERY = `
  delivery:
    lateness: { distribution: exponential, mean: 800ms, max: 20s }
    reorder: { probability: 0.05, by: 5s }
    duplicates: { probability: 0.1, within: 10s }
    malformed: { probability: 0.02 }`;

function take(settings: string, hasRecords = true) {
  const text = `version: 1\nbusiness:\n  windows: [10s]\n  orders: { perSecond: 50 }\n  appOpens: { users: 200000 }${settings}\n`;
  const plan = parsePlan(text, "plan").business;
  if (plan === null) throw new Error("the plan makes records");
  const lines: BusinessTruthLine[] = [];
  const record = (line: BusinessTruthLine): unknown => lines.push(line);
  const run = new BusinessRun({ plan, seed: 8, startMs: START_MS, record, hasRecords });
  const records: BusinessRecord[] = [];
  while (run.nextTimeMs < START_MS + 120_000) records.push(...run.step());
  run.finish();
  return { records, lines };
}

const plain = take("");
const faulty = take(DELIVERY);
const fated = (fate: BusinessRecord["fate"]) => faulty.records.filter((record) => record.fate === fate);

test("records are what they would be: some late, some twice with the same bytes, some spoilt", () => {
  const first = faulty.records.filter(({ fate }) => fate !== "again");
  expect(first.map(({ id }) => id)).toEqual(plain.records.map(({ id }) => id));
  const said = new Map(plain.records.map((record) => [record.id, record]));
  for (const { id, fate, json, timeMs, sentMs } of faulty.records) {
    expect(timeMs).toBe(said.get(id)?.timeMs);
    expect(sentMs).toBeGreaterThanOrEqual(timeMs);
    expect(json === said.get(id)?.json).toBe(fate !== "spoilt");
  }
  const count = plain.records.length;
  expect(fated("again").length / count).toBeCloseTo(0.1, 1);
  expect(fated("spoilt").length / count).toBeCloseTo(0.02, 2);
  const lateMs = first.reduce((sum, { sentMs, timeMs }) => sum + sentMs - timeMs, 0) / first.length;
  expect(Math.abs(lateMs - 925) / 925).toBeLessThan(0.1);
});

test("the truth has each fate, and the same windows", () => {
  const fates = faulty.lines.filter((line) => line.type === "record-delivery");
  expect(fates.filter(({ again }) => again !== undefined)).toHaveLength(fated("again").length);
  expect(fates.filter(({ malformed }) => malformed !== undefined)).toHaveLength(fated("spoilt").length);
  const due = new Map(fates.map(({ stream, id, due: at }) => [`${stream} ${id}`, at]));
  for (const { topic, id, fate, sentMs, timeMs } of faulty.records)
    if (fate === undefined && sentMs > timeMs) expect(due.get(`${topic} ${id}`)).toBe(sentMs);
  expect(faulty.lines.filter((line) => line.type !== "record-delivery")).toEqual(plain.lines);
  expect(take(DELIVERY, false).lines).toEqual(faulty.lines);
});

test("another setting changes nothing in who comes again", () => {
  const other = take(DELIVERY.replace("mean: 800ms", "mean: 100ms").replace("by: 5s", "by: 1s"));
  const ids = (records: readonly BusinessRecord[]) =>
    records.filter(({ fate }) => fate === "again").map(({ id }) => id);
  expect(ids(other.records)).toEqual(ids(faulty.records));
});

test.each([
  [
    "debezium: {}\n  delivery: { duplicates: { probability: 0.1 } }",
    "change events come as their log has them",
  ],
  ["delivery: { lateness: { distribution: uniform, from: 3s, max: 2s } }", "from is longer than max"],
  ["delivery: { lateness: { distribution: uniform, max: 24h } }", "records could be on their way"],
  ["delivery: { loss: { probability: 0.1 } }", "loss"],
  ["delivery: { malformed: { probability: 0.1, kinds: [empty] } }", "kinds"],
])("%s: refused with its place", (settings, message) => {
  const text = `version: 1\nbusiness:\n  ${settings}\n  orders: { perSecond: 50 }\n`;
  let said = "";
  try {
    parsePlan(text, "plan.yaml");
  } catch (error) {
    said = error instanceof MillraceError ? error.message : "";
  }
  expect(said).toMatch(/plan\.yaml:\d+:\d+/);
  expect(said).toContain(message);
});
