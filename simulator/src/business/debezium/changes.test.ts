// Change events are what Debezium writes: whoever applies them one by one has the table, and each `before` is what was
// there.
import { expect, test } from "vitest";
import { parsePlan } from "../../plan/load-plan.ts";
import type { BusinessRecord } from "../business-record.ts";
import { BusinessRun } from "../business-run.ts";
import { SendingOrder } from "../sending-order.ts";
import type { BusinessTruthLine } from "../truth/business-truth-line.ts";
import { ChangeEnvelope, type Change } from "./change-envelope.ts";

const START_MS = 1_767_571_200_000;

interface Payload {
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
  readonly source: Record<string, unknown>;
  readonly op: string;
  readonly ts_ms: number;
}

function run(debezium: string, seconds = 900) {
  const text = `version: 1
business:
  debezium: { ${debezium} }
  orders:
    perSecond: 5
    payment: { perSecond: 6, waitMax: 4s, declined: 0.1 }
    refundDelay: { median: 2m }
    categories: { phones: { median: 2999, refunds: 0.3 } }
  transfers: { perSecond: 5, accounts: 1000 }
`;
  const plan = parsePlan(text, "plan").business;
  if (plan === null) throw new Error("the plan makes records");
  const lines: BusinessTruthLine[] = [];
  const business = new BusinessRun({
    plan,
    seed: 4,
    startMs: START_MS,
    record: (line) => lines.push(line),
    hasRecords: true,
  });
  const records: BusinessRecord[] = [];
  while (business.nextTimeMs < START_MS + seconds * 1_000) records.push(...business.step());
  business.finish();
  return { lines, orders: records.filter(({ topic }) => topic === "orders"), records };
}

const payloadOf = ({ json }: BusinessRecord): Payload => JSON.parse(json ?? "null");

test("events applied one by one make the table, in the log's order; a deletion leaves a tombstone", () => {
  const { orders, lines } = run("replicaIdentity: full, decimals: string, snapshot: 3m");
  const table = new Map<string, unknown>();
  const ops = new Map<string, number>();
  let lastLsn = 0;
  let lastTransaction = 0;
  let snapshotCount = 0;
  let deletedKey: string | null = null;
  for (const record of orders) {
    if (deletedKey !== null) {
      expect([record.json, record.key]).toEqual([null, deletedKey]);
      deletedKey = null;
      ops.set("tombstones", (ops.get("tombstones") ?? 0) + 1);
      continue;
    }
    const { before, after, op, source, ts_ms } = payloadOf(record);
    ops.set(op, (ops.get(op) ?? 0) + 1);
    expect(source).toMatchObject({ connector: "postgresql", db: "shop", schema: "public", table: "orders" });
    expect(Number(source.lsn)).toBeGreaterThan(lastLsn);
    expect(Number(source.txId)).toBeGreaterThan(lastTransaction);
    expect(source.sequence).toBe(`["${lastLsn || 24_023_128}","${Number(source.lsn)}"]`);
    [lastLsn, lastTransaction] = [Number(source.lsn), Number(source.txId)];
    expect(ts_ms).toBeGreaterThanOrEqual(Number(source.ts_ms));
    expect([source.ts_us, source.ts_ns]).toEqual([Number(source.ts_ms) * 1e3, Number(source.ts_ms) * 1e6]);
    const key = String((after ?? before)?.order_id);
    expect(JSON.parse(record.key)).toEqual({ order_id: key });
    expect(before).toEqual(table.get(key) ?? null);
    if (op === "r") {
      snapshotCount += 1;
      expect(source.ts_ms).toBe(START_MS);
      expect(record.timeMs).toBe(Number(after?.created_at) / 1_000);
      expect(record.timeMs).toBeLessThan(START_MS);
    } else {
      expect(source.snapshot).toBe("false");
      expect(record.timeMs).toBe(source.ts_ms);
    }
    if (after === null) {
      table.delete(key);
      deletedKey = record.key;
    } else table.set(key, after);
  }
  expect([...ops.keys()].toSorted()).toEqual(["c", "d", "r", "tombstones", "u"]);
  expect(ops.get("tombstones")).toBe(ops.get("d"));
  const snapshots = orders.slice(0, snapshotCount).map((record) => payloadOf(record).source.snapshot);
  expect(snapshots).toEqual(["first", ...new Array<string>(snapshotCount - 2).fill("true"), "last"]);
  const statuses = new Set([...table.values()].map((row) => (row as Record<string, unknown>).status));
  expect(statuses).toEqual(new Set(["pending", "paid", "failed", "refunded"]));
  for (const op of ["c", "u", "d", "r", "tombstones"] as const) {
    const told = lines.flatMap((line) =>
      line.type === "changes-window" && line.table === "orders" ? [line[op]] : [],
    );
    expect(told.reduce((sum, each) => sum + each, 0)).toBe(ops.get(op));
  }
  const counted = lines.flatMap((line) => (line.type === "orders-window" ? [line.count] : []));
  expect(counted.reduce((sum, each) => sum + each, 0)).toBe(ops.get("c"));
});

test("changes leave in the order of their log, however long the connector takes for each", () => {
  const { orders } = run("snapshot: 1m", 60);
  const leaving = new SendingOrder();
  const left = [...leaving.take(orders), ...leaving.until(Infinity)];
  expect(left.map(({ id }) => id)).toEqual(orders.map(({ id }) => id));
  expect(left.filter(({ sentMs, timeMs }) => sentMs - timeMs > 100).length).toBeGreaterThan(10);
});

test("a row that nobody wants whole has no before in an update, and its key alone in a deletion", () => {
  const { orders } = run("replicaIdentity: default");
  const changes = orders.flatMap((record) => (record.json === null ? [] : [payloadOf(record)]));
  expect(changes.filter(({ op }) => op === "u").every(({ before }) => before === null)).toBe(true);
  const deleted = changes.filter(({ op }) => op === "d");
  expect(deleted.length).toBeGreaterThan(5);
  for (const { before } of deleted)
    expect(Object.entries(before ?? {}).filter(([, value]) => value !== null)).toEqual([
      ["order_id", before?.order_id],
    ]);
});

test("transfers are rows that never change", () => {
  const { records } = run("");
  const transfers = records.filter(({ topic }) => topic === "transfers");
  expect(transfers.length).toBeGreaterThan(1_000);
  for (const record of transfers) {
    const { op, before, after } = payloadOf(record);
    expect([op, before]).toEqual(["c", null]);
    expect(Number(after?.created_at)).toBe(record.timeMs * 1_000);
  }
});

const CHANGE: Change = {
  op: "c",
  before: null,
  after: ["a", 12_30, START_MS],
  timeMs: START_MS,
  seenMs: START_MS + 7,
  txId: 556,
  lsn: 24_023_300,
  lastCommitLsn: 24_023_128,
  snapshot: "false",
};

function envelope(decimals: "precise" | "double" | "string", hasSchemas = false): ChangeEnvelope {
  return new ChangeEnvelope({
    plan: {
      name: "shop",
      database: "shop",
      hasSchemas,
      decimals,
      replicaIdentity: "full",
      snapshotMs: 0,
    },
    table: "orders",
    columns: [
      { name: "id", type: "text" },
      { name: "amount", type: "money" },
      { name: "created_at", type: "timestamp" },
    ],
  });
}

test.each([
  ["double", 12_30, 12.3],
  ["string", 12_05, "12.05"],
  // Big-endian two's complement, the shortest: 0x04ce, 0x00, 0x7f, 0x0080.
  ["precise", 12_30, "BM4="],
  ["precise", 0, "AA=="],
  ["precise", 127, "fw=="],
  ["precise", 128, "AIA="],
  ["precise", 2 ** 40, "AQAAAAAA"],
] as const)("%s: %s cents", (decimals, cents, text) => {
  const json = envelope(decimals).valueOf({ ...CHANGE, after: ["a", cents, START_MS] });
  const { after }: Payload = JSON.parse(json);
  expect(after).toEqual({ id: "a", amount: text, created_at: START_MS * 1_000 });
});

test("with schemas, each event says how its amounts and times are to be read", () => {
  const both = envelope("precise", true);
  const value = JSON.parse(both.valueOf(CHANGE));
  expect(value.schema.name).toBe("shop.public.orders.Envelope");
  expect(value.schema.fields.map(({ field }: { field: string }) => field)).toEqual(
    Object.keys(value.payload),
  );
  const after = value.schema.fields[1];
  expect(after.fields.map(({ field }: { field: string }) => field)).toEqual(Object.keys(value.payload.after));
  expect(after.fields[1]).toEqual({
    type: "bytes",
    name: "org.apache.kafka.connect.data.Decimal",
    version: 1,
    parameters: { scale: "2", "connect.decimal.precision": "12" },
    optional: true,
    field: "amount",
  });
  expect(after.fields[2]).toMatchObject({ type: "int64", name: "io.debezium.time.MicroTimestamp" });
  const source = value.schema.fields[2];
  expect(source.fields.map(({ field }: { field: string }) => field)).toEqual(
    Object.keys(value.payload.source),
  );
  expect(JSON.parse(both.keyOf(["a", 1, 2]))).toEqual({
    schema: {
      type: "struct",
      fields: [{ type: "string", optional: false, field: "id" }],
      optional: false,
      name: "shop.public.orders.Key",
    },
    payload: { id: "a" },
  });
});
