// A run's records and their truth say the same, whatever portions the records are taken in and whatever else there is.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parsePlan } from "../plan/load-plan.ts";
import type { BusinessRecord } from "./business-record.ts";
import { BusinessRun } from "./business-run.ts";
import type { BusinessTruthLine } from "./truth/business-truth-line.ts";

const START_MS = 1_767_571_234_567;
const STREAMS = {
  orders: `
  orders:
    perSecond: 20
    festival: { at: 3m, peak: 8, warmUp: 1m, decay: 1m }
    payment: { perSecond: 60 }
    refundDelay: { median: 3m }`,
  transfers: `
  transfers:
    perSecond: 10
    accounts: 500
    circle: [3, 16]
    rings: [{ at: 1m, every: 4m, payees: 10, within: 2m }, { at: 2m, payees: 9, within: 1m }]`,
  trucks: `
  trucks:
    routes: { road: { through: [北京, 天津, 济南], trucks: 6, tunnels: [{ from: 30, to: 90 }] } }
    speedingPerDay: 20
    detoursPerDay: 20`,
  appOpens: `
  appOpens: { users: 20000, window: 2m }`,
};

function runOf(streams: readonly string[], settings = "", hasRecords = true) {
  const text = `version: 1\nbusiness:\n  windows: [10s, 1m]\n  ${settings}${streams.join("")}\n`;
  const plan = parsePlan(text, "plan").business;
  if (plan === null) throw new Error("the plan makes records");
  const lines: BusinessTruthLine[] = [];
  const record = (line: BusinessTruthLine): unknown => lines.push(line);
  return { lines, run: new BusinessRun({ plan, seed: 8, startMs: START_MS, record, hasRecords }) };
}

function take(streams: readonly string[], minutes: number, settings = "", hasRecords = true) {
  const { run, lines } = runOf(streams, settings, hasRecords);
  const records: BusinessRecord[] = [];
  while (run.nextTimeMs < START_MS + minutes * 60_000) records.push(...run.step());
  run.finish();
  return { records, lines };
}

const ALL = Object.values(STREAMS);
const whole = take(ALL, 10);

interface Fields {
  readonly amount: number;
  readonly region: string;
  readonly category: string;
  readonly payment: string;
  readonly truck: string;
  readonly user: string;
  readonly speed: number;
  readonly odometer: number;
  readonly lon: number;
  readonly lat: number;
}

/** By stream and time, as any program reads them. */
const parsed = Map.groupBy(
  whole.records.map(({ topic, timeMs, json }) => ({
    topic,
    timeMs,
    fields: JSON.parse(json ?? "") as Fields,
  })),
  ({ topic }) => topic,
);

/** The records of a stream that a window holds. */
function within(topic: BusinessRecord["topic"], { start, end }: { start: number; end: number }): Fields[] {
  const records = parsed.get(topic) ?? [];
  return records.flatMap(({ timeMs, fields }) => (timeMs >= start && timeMs < end ? [fields] : []));
}

const cents = (records: readonly Fields[]): number =>
  records.reduce((sum, { amount }) => sum + Math.round(amount * 100), 0) / 100;

const CITIES: Record<string, readonly [longitude: number, latitude: number]> = {
  北京: [116.407, 39.904],
  天津: [117.201, 39.084],
  济南: [117.12, 36.651],
};

/** On the globe: the haversine formula. */
function kmFrom(city: string, { lon, lat }: Fields): number {
  const [longitude, latitude] = CITIES[city];
  const radians = Math.PI / 180;
  const [dLon, dLat] = [(lon - longitude) * radians, (lat - latitude) * radians];
  const a =
    Math.sin(dLat / 2) ** 2 +
    Math.cos(lat * radians) * Math.cos(latitude * radians) * Math.sin(dLon / 2) ** 2;
  return 2 * 6_371 * Math.asin(Math.sqrt(a));
}

test("every window of the truth is what the records in it say, added up by hand", () => {
  const seen = new Map<string, number>();
  let fences = 0;
  for (const line of whole.lines) {
    seen.set(line.type, (seen.get(line.type) ?? 0) + 1);
    switch (line.type) {
      case "orders-window": {
        const orders = within("orders", line);
        const totals = (records: readonly Fields[]) => ({
          count: records.length,
          sum: cents(records),
          failed: records.filter(({ payment }) => payment === "failed").length,
        });
        expect(line).toMatchObject(totals(orders));
        for (const [region, told] of Object.entries(line.byRegion))
          expect(told).toEqual(totals(orders.filter((order) => order.region === region)));
        for (const [category, told] of Object.entries(line.byCategory))
          expect(told).toEqual(totals(orders.filter((order) => order.category === category)));
        break;
      }
      case "refunds-window": {
        const refunds = within("refunds", line);
        expect(line).toMatchObject({ count: refunds.length, sum: cents(refunds) });
        for (const [region, told] of Object.entries(line.byRegion)) {
          const of = refunds.filter((refund) => refund.region === region);
          expect(told).toEqual({ count: of.length, sum: cents(of) });
        }
        break;
      }
      case "transfers-window": {
        const transfers = within("transfers", line);
        expect(line).toMatchObject({ count: transfers.length, sum: cents(transfers) });
        break;
      }
      case "truck-window": {
        const reports = within("trucks", line).filter(({ truck }) => truck === line.truck);
        expect(line.count).toBe(reports.length);
        expect(line.speedMax).toBe(Math.max(...reports.map(({ speed }) => speed)));
        const before = within("trucks", { start: 0, end: line.start }).findLast(
          ({ truck }) => truck === line.truck,
        );
        const from = before ?? reports[0];
        const [sure, possible] = [19.8, 20.2].map((km) =>
          Object.keys(CITIES).filter((city) => reports.some((report) => kmFrom(city, report) < km)),
        );
        expect(possible).toEqual(expect.arrayContaining(line.geofences));
        expect(line.geofences).toEqual(expect.arrayContaining(sure));
        fences += sure.length;
        expect(line.distanceKm).toBeCloseTo(reports[reports.length - 1].odometer - from.odometer, 6);
        break;
      }
      case "users-window": {
        const opens = within("app-opens", line);
        expect(line).toMatchObject({
          opens: opens.length,
          users: new Set(opens.map(({ user }) => user)).size,
        });
        break;
      }
      default:
    }
  }
  expect(Object.fromEntries(seen)).toMatchObject({
    "orders-window": 61 + 11,
    "transfers-window": 61 + 11,
    "users-window": 6,
    "records-end": 1,
    ring: 3,
    fraud: 2,
  });
  expect(fences).toBeGreaterThan(10);
  expect(seen.get("refunds-window")).toBeGreaterThan(20);
  const reports = whole.lines.flatMap((line) =>
    line.type === "truck-window" && line.end - line.start === 10_000 ? [line.count] : [],
  );
  expect(reports.reduce((sum, count) => sum + count, 0)).toBe(6 * 60);
});

test("records come in order of event time, each id once, and a stream's keys in a fixed order", () => {
  const { records } = whole;
  expect(records.every(({ timeMs }, at) => at === 0 || timeMs >= records[at - 1].timeMs)).toBe(true);
  expect(records.every(({ timeMs, sentMs }) => Number.isInteger(timeMs) && sentMs >= timeMs)).toBe(true);
  expect(new Set(records.map(({ topic, id }) => `${topic} ${id}`)).size).toBe(records.length);
  const shapes = new Map<string, Set<string>>();
  for (const { topic, json, timeMs } of records) {
    const record: Record<string, unknown> = JSON.parse(json ?? "");
    expect(JSON.stringify(record)).toBe(json);
    expect(record.time).toBe(timeMs);
    shapes.set(topic, (shapes.get(topic) ?? new Set()).add(Object.keys(record).join()));
  }
  const order = "order_id,time,amount,region,category,user,payment";
  expect([...shapes.get("orders")!].toSorted()).toEqual([order, `${order},retry_of`]);
  for (const topic of ["refunds", "transfers", "trucks", "app-opens"])
    expect(shapes.get(topic)?.size).toBe(1);
});

test.each(Object.entries(STREAMS))("%s alone is as it is among all, and so is its truth", (_, stream) => {
  const alone = take([stream], 10);
  const topics = new Set(alone.records.map(({ topic }) => topic));
  expect(alone.records.length).toBeGreaterThan(100);
  expect(alone.records).toEqual(whole.records.filter(({ topic }) => topics.has(topic)));
  const types = new Set(alone.lines.map(({ type }) => type));
  expect(alone.lines).toEqual(whole.lines.filter(({ type }) => types.has(type)));
});

test("a shorter run is the beginning of a longer one, and the truth is the same without its records", () => {
  const shorter = take(ALL, 4);
  expect(shorter.records).toEqual(whole.records.slice(0, shorter.records.length));
  const endsAt = shorter.lines.findIndex(({ type }) => type === "records-end");
  expect(shorter.lines.slice(0, endsAt)).toEqual(whole.lines.slice(0, endsAt));
  expect(endsAt).toBeGreaterThan(100);
  const bare = take(ALL, 10, "", false);
  expect([bare.lines, bare.records]).toEqual([whole.lines, []]);
});

test.each(["", "debezium: { snapshot: 1m }"])(
  "portions do not matter (%s)",
  (settings) => {
    // Beside a busier stream the steps are shorter.
    const busy = `
  appOpens: { users: 40000000 }`;
    const streams = [STREAMS.orders, STREAMS.transfers, STREAMS.trucks];
    const usual = take(streams, 0.4, settings).records;
    const inShort = take([...streams, busy], 0.4, settings).records.filter(
      ({ topic }) => topic !== "app-opens",
    );
    expect(usual.length).toBeGreaterThan(400);
    expect(inShort).toEqual(usual);
  },
  30_000,
);

test("records: each writes every record into the truth", () => {
  const { records, lines } = take([STREAMS.trucks], 5, "records: each");
  const told = lines.filter((line) => line.type === "record");
  expect(told.map(({ json }) => json)).toEqual(records.map(({ json }) => json));
  const late = told.filter(({ sent }) => sent !== undefined);
  expect(late.length).toBe(records.filter(({ timeMs, sentMs }) => sentMs > timeMs).length);
});

test("times are written as the plan says", () => {
  const first = (settings: string): unknown => {
    const { records } = take([STREAMS.transfers], 0.1, settings);
    return JSON.parse(records[0].json ?? "").time;
  };
  const { timeMs } = whole.records.find(({ topic }) => topic === "transfers")!;
  expect(first("time: epoch-ms")).toBe(timeMs);
  expect(first("time: iso")).toBe(new Date(timeMs).toISOString());
  expect(first("time: local\n  zone: Asia/Shanghai")).toBe("2026-01-05 08:00:34");
});

test.each([
  ["plain", "", "5061a5c38b9415c83735fce80ef0eaf85c3ecab1628cddd9408c8b8ea0b54144"],
  [
    "as change events",
    "debezium: { snapshot: 1m, schemas: false }",
    "d936441b40585377bf15770d1d2a6ef9a74c73386e2766f66d6a52650abe917a",
  ],
])("the bytes are these in every process and on every machine: %s", (_, settings, hash) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-records-"));
  const [plan, truth, into] = ["plan.yaml", "truth.jsonl", "records"].map((name) => join(folder, name));
  writeFileSync(plan, `version: 1\nseed: 8\nbusiness:\n  ${settings}${ALL.join("")}\n`);
  const flags = ["--plan", plan, "--truth", truth, "--into", into, "--start", `${START_MS}`, "--for", "2m"];
  execFileSync(process.execPath, [join(import.meta.dirname, "../main.ts"), "run", "--offline", ...flags]);
  const made = createHash("sha256");
  for (const file of readdirSync(into).toSorted()) made.update(readFileSync(join(into, file)));
  // The plan's own text stands in the first line; it may gain a comment.
  made.update(readFileSync(truth, "utf8").split("\n").slice(1).join("\n"));
  expect(made.digest("hex")).toBe(hash);
});
