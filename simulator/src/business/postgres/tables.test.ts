// Records become rows: which columns, which statements, and each row's changes in their order.
import { expect, test } from "vitest";
import { parsePlan } from "../../plan/load-plan.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import { BusinessRun } from "../business-run.ts";
import { recordTable, type TableChange } from "./record-table.ts";
import { creationOf, toStatements } from "./table-statements.ts";

const START_MS = 1_767_571_200_000;

function made(settings: string) {
  const text = `version: 1\nbusiness:\n  ${settings}\n  orders: { perSecond: 50, refundDelay: { median: 5s } }\n  transfers: { perSecond: 20, accounts: 100 }\n  trucks: { every: 1s, routes: { road: { through: [北京, 天津], trucks: 2 } } }\n  appOpens: { users: 100000 }\n`;
  const { business, seed } = parsePlan(text, "plan");
  if (business === null) throw new Error("the plan makes records");
  const run = new BusinessRun({
    plan: business,
    seed,
    startMs: START_MS,
    record: () => {},
    hasRecords: true,
  });
  const records: BusinessRecord[] = [];
  while (run.nextTimeMs < START_MS + 30_000) records.push(...run.step());
  return { business, records };
}

test.each(["time: iso", "time: local", "debezium: { decimals: precise }"])(
  "%s: every key of a record has its column, and the row its values",
  (settings) => {
    const { business, records } = made(settings);
    const streams = new Set(records.map(({ topic }) => topic));
    expect(streams.size).toBeGreaterThanOrEqual(4);
    for (const stream of streams) {
      const { columns, change } = recordTable(business, stream);
      for (const record of records.filter(({ topic, json }) => topic === stream && json !== null)) {
        const { after, before, ...plain } = JSON.parse(record.json ?? "");
        const row: Record<string, unknown> = after ?? before ?? plain;
        const { values } = change(record) ?? { values: [] };
        expect(values).toHaveLength(columns.length);
        expect(columns.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(row)));
        expect(values[0]).toBe(row[columns[0].name]);
        if (record.change === undefined) expect(values).toEqual(columns.map(({ name }) => row[name] ?? null));
      }
    }
  },
);

test("a table is made with its key, its types, and its whole rows in the log where the plan wants them", () => {
  const plan = (settings: string) => made(settings).business;
  expect(creationOf(recordTable(plan("time: iso"), "app-opens"))).toEqual([
    'CREATE TABLE IF NOT EXISTS "app_opens" ("open_id" text PRIMARY KEY, "time" timestamptz, "user" text, "session" text, "platform" text)',
  ]);
  const [table, identity] = creationOf(recordTable(plan("debezium: {}"), "transfers"));
  expect(table).toContain('"amount" numeric(12,2), "created_at" timestamp(6))');
  expect(identity).toBe('ALTER TABLE "transfers" REPLICA IDENTITY FULL');
  expect(creationOf(recordTable(plan("debezium: { replicaIdentity: default }"), "transfers"))).toHaveLength(
    1,
  );
});

test("changes are few statements, and a row's changes keep their order", () => {
  const { business, records } = made("debezium: {}");
  const tables = new Map(
    (["orders", "transfers"] as const).map((stream) => [stream, recordTable(business, stream)]),
  );
  const byStream: ReadonlyMap<RecordStreamName, ReturnType<typeof recordTable>> = tables;
  const changes = records
    .map((record) => byStream.get(record.topic)?.change(record) ?? null)
    .filter((change): change is TableChange => change !== null);
  const statements = toStatements(
    changes,
    new Map([...tables.values()].map((table) => [table.table, table])),
  );
  expect(statements.length).toBeLessThan(8);
  expect(statements.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(changes.length);
  for (const { values } of statements) expect(new Set(values[0]).size).toBe(values[0].length);
  const told = (all: readonly { op: string; values: readonly unknown[] }[]) =>
    Map.groupBy(all, ({ values }) => values[0]);
  const inStatements = statements.flatMap(({ text, values, rowCount }) =>
    Array.from({ length: rowCount }, (_, row) => ({
      op: text.split(" ")[0].toLowerCase(),
      values: values.map((column) => column[row]),
    })),
  );
  const expected = told(changes.map(({ op, values }) => ({ op, values })));
  expect(expected.size).toBeGreaterThan(1_000);
  for (const [id, all] of told(inStatements))
    expect(all).toEqual(
      expected.get(id)?.map(({ op, values }) => ({ op, values: op === "delete" ? [id] : values })),
    );
});
