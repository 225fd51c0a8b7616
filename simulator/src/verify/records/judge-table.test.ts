// The judge of tables: central's windows must say what the rows say that are there in the end, whatever they said before.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { BusinessRecord } from "../../business/business-record.ts";
import { SendingOrder } from "../../business/sending-order.ts";
import { parsePlan } from "../../plan/load-plan.ts";
import { RecordedWorld } from "../../recorded-world.ts";
import { readTruth } from "../../truth/read-truth.ts";
import type { TruthLine } from "../../truth/truth-line.ts";
import { TruthLog } from "../../truth/truth-log.ts";
import type { CentralStream, CentralWindow, RecordMetric } from "../central-client.ts";
import type { WindowDefinition } from "../window-oracle.ts";
import { judgeRecords } from "./judge-records.ts";
import { RecordTruth } from "./record-truth.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const START_MS = 1_767_571_200_000;
const PLAN = `version: 1
seed: 6
business:
  windows: [1m]
  debezium: { snapshot: 1m }
  orders:
    perSecond: 5
    regions: { 北京: 3, 上海: 1 }
    payment: { perSecond: 6, declined: 0.2 }
    refundDelay: { median: 1m }
    categories: { phones: { median: 2999, refunds: 0.3 } }
`;

interface Row {
  /** Cents, as big-endian bytes in base64. */
  readonly amount: string;
  readonly region: string;
  readonly status: string;
  readonly created_at: number;
}

/** Five minutes of a table's changes and their truth. */
function minutes() {
  const folder = mkdtempSync(join(tmpdir(), "millrace-judge-"));
  folders.push(folder);
  const truthPath = join(folder, "truth.jsonl");
  const log = new TruthLog(truthPath);
  const world = new RecordedWorld({
    plan: parsePlan(PLAN, "plan"),
    startMs: START_MS,
    recovery: null,
    record: (line) => log.append(line),
    hasRecords: true,
  });
  const order = new SendingOrder();
  const sent: BusinessRecord[] = [];
  while (world.nextTimeMs < START_MS + 300_000) {
    const records = world.step();
    sent.push(...order.take(records), ...order.until(world.recordsMadeToMs));
  }
  sent.push(...order.until(Infinity));
  const append = (line: TruthLine): void => {
    log.append(line);
    log.flush();
  };
  const end = (): void => {
    world.finish();
    append({ type: "records-acked", records: sent.length, at: START_MS + 301_000 });
  };
  return { truthPath, sent, append, end };
}

const shared = { stream: "orders", timePath: ["created_at"], isOptional: false, isAdjusted: false };
const labels = [{ name: "region", path: ["region"] }];
const METRICS: RecordMetric[] = [
  { ...shared, metric: "amount", path: ["amount"], map: null, labels },
  {
    ...shared,
    metric: "failed",
    path: ["status"],
    map: { pending: null, paid: 0, failed: 1, refunded: 0 },
    labels,
  },
];
const lengths = { sizeMs: 60_000, slideMs: 60_000, offsetMs: 0, latenessMs: 86_400_000, by: ["region"] };
const WINDOWS: WindowDefinition[] = [
  { name: "amounts", metric: "amount", ...lengths },
  { name: "failures", metric: "failed", ...lengths, ratio: { side: "equal", limit: 1 } },
];

/** The table after these changes, by Debezium's own words. */
function tableOf(changes: readonly BusinessRecord[]): Row[] {
  const table = new Map<string, Row>();
  for (const { key, json } of changes) {
    if (json === null) continue;
    const { after }: { readonly after: Row | null } = JSON.parse(json);
    if (after === null) table.delete(key);
    else table.set(key, after);
  }
  return [...table.values()];
}

/** What a query over the table says. */
function rowsOf(changes: readonly BusinessRecord[]): CentralWindow[] {
  const rows = new Map<string, CentralWindow & { readonly values: Record<string, number> }>();
  const empty = (window: string, startMs: number, region: string) => {
    const values = { count: 0, sum: 0, failed: 0 };
    return {
      window,
      group: { region },
      startMs,
      endMs: startMs + 60_000,
      revision: 1,
      state: "complete",
      values,
    };
  };
  for (const { amount, region, status, created_at: createdUs } of tableOf(changes)) {
    const startMs = Math.floor(createdUs / 60_000_000) * 60_000;
    for (const { name } of WINDOWS) {
      if (name === "failures" && status === "pending") continue;
      const key = `${name} ${startMs} ${region}`;
      const row = rows.get(key) ?? empty(name, startMs, region);
      rows.set(key, row);
      row.values["count"] += 1;
      row.values["sum"] +=
        Number(BigInt.asIntN(64, BigInt(`0x${Buffer.from(amount, "base64").toString("hex")}`))) / 100;
      if (status === "failed") row.values["failed"] += 1;
    }
  }
  return [...rows.values()].map((row) => {
    const { count, sum, failed } = row.values;
    const own: Record<string, number> =
      row.window === "amounts" ? { count, sum } : { count, ratio: failed / count };
    return { ...row, values: own };
  });
}

function totalsOf(sent: readonly BusinessRecord[]): CentralStream["totals"] {
  const own = sent.filter(({ topic }) => topic === "orders");
  const noEffect = own.filter(({ json }) => json === null).length;
  const none = { duplicates: 0, setAside: 0, tooLate: 0, unwindowed: 0, rejected: {} };
  return { received: own.length, aggregated: own.length - noEffect, noEffect, ...none };
}

async function judge(
  truthPath: string,
  rows: readonly CentralWindow[],
  totals: CentralStream["totals"],
  {
    metrics = METRICS,
    source = "kafka shop.public.orders",
  }: { readonly metrics?: readonly RecordMetric[]; readonly source?: string } = {},
) {
  const pipeline = {
    windows: WINDOWS,
    windowedMetrics: new Set(["amount", "failed"]),
    recordMetrics: new Map(metrics.map((metric) => [metric.metric, metric])),
    watchRules: [],
    distinctRules: [],
    windowRules: [],
  };
  const client = {
    async *windows(window: string) {
      yield* rows.filter((row) => row.window === window);
    },
    alarms: () => Promise.resolve([]),
    recordStreams: () => Promise.resolve(new Map([["orders", { stream: "orders", source, totals }]])),
  };
  const truth = new RecordTruth(truthPath);
  for await (const line of readTruth(truthPath)) truth.onLine(line);
  return judgeRecords({ truthPath, truth, client, pipeline });
}

test("windows of a table are right where they say what its rows say in the end, those of the snapshot too", async () => {
  const { truthPath, sent, end } = minutes();
  end();
  const ops = new Set(sent.map(({ change }) => change?.op));
  expect(ops).toEqual(new Set(["c", "d", "r", "u", undefined]));
  const verdict = await judge(truthPath, rowsOf(sent), totalsOf(sent));
  expect(verdict?.windows.flatMap(({ faults }) => faults)).toEqual([]);
  expect(verdict?.unjudged).toEqual([]);
  expect(verdict?.isRight).toBe(true);
  expect(verdict?.windows.map(({ right, unsure, compared }) => [right, unsure, compared])).toEqual([
    [12, 0, ["count", "sum"]],
    [12, 0, ["count", "ratio"]],
  ]);
  expect(verdict?.ledger.map(({ count, min, max, found }) => [count, min === max, found > 0])).toEqual([
    ["received", true, true],
    ["aggregated", true, true],
    ["duplicates", true, false],
    ["too late", true, false],
    ["rejected", true, false],
    ["without effect", true, true],
    ["accounted for", true, true],
  ]);
});

test("over HTTP tombstones are sent as nothing: they are no part of the ledger, and counted", async () => {
  const { truthPath, sent, end } = minutes();
  end();
  const lines = sent.filter(({ json }) => json !== null);
  const verdict = await judge(truthPath, rowsOf(sent), totalsOf(lines), { source: "http" });
  expect(verdict).toMatchObject({ isRight: true, sent: sent.length });
  expect(verdict?.tombstonesUnsent).toBe(sent.length - lines.length);
  expect(verdict?.tombstonesUnsent).toBeGreaterThan(0);
  expect((await judge(truthPath, rowsOf(sent), totalsOf(sent)))?.tombstonesUnsent).toBe(0);
});

test("a window that nothing is left of has the count 0, or is not there", async () => {
  const { truthPath, sent, end } = minutes();
  end();
  const rows = rowsOf(sent);
  const gone = { ...rows[0], group: { region: "广州" }, values: { count: 0 } };
  expect((await judge(truthPath, [...rows, gone], totalsOf(sent)))?.isRight).toBe(true);
  const extra = { ...gone, values: { count: 1 } };
  expect((await judge(truthPath, [...rows, extra], totalsOf(sent)))?.isRight).toBe(false);
});

const isOf =
  (op: "c" | "u" | "d" | "r") =>
  ({ change }: BusinessRecord): boolean =>
    change?.op === op;

test.each([
  ["an update that was not seen", isOf("u")],
  ["a deletion that was not seen", isOf("d")],
  ["a row that was there before", isOf("r")],
  ["a row that came", isOf("c")],
])("%s is found", async (_what, isIt) => {
  const { truthPath, sent, end } = minutes();
  end();
  const isLast = ({ key }: BusinessRecord, at: number): boolean =>
    !sent.slice(at + 1).some((later) => later.key === key && later.json !== null);
  const at = sent.findIndex((each, place) => each.topic === "orders" && isIt(each) && isLast(each, place));
  const verdict = await judge(truthPath, rowsOf(sent.toSpliced(at, 1)), totalsOf(sent));
  expect(verdict?.isRight).toBe(false);
  expect(verdict?.ledger.every(({ isRight }) => isRight)).toBe(true);
});

test.each(["received", "aggregated", "duplicates", "noEffect"] as const)(
  "a table's ledger that counts one %s too many is found",
  async (name) => {
    const { truthPath, sent, end } = minutes();
    end();
    const totals = totalsOf(sent);
    const verdict = await judge(truthPath, rowsOf(sent), { ...totals, [name]: totals[name] + 1 });
    expect(verdict?.isRight).toBe(false);
    const wrong = verdict?.ledger.filter(({ isRight }) => !isRight).map(({ count }) => count);
    expect(wrong).toContain("accounted for");
    expect(wrong?.length).toBe(2);
  },
);

test("rows of a database are told of by somebody else, whose events nobody counts beforehand", async () => {
  const { truthPath, sent, append, end } = minutes();
  end();
  append({ type: "records-acked", records: sent.length, at: START_MS + 302_000, isTable: true });
  const totals = totalsOf(sent);
  const verdict = await judge(truthPath, rowsOf(sent), { ...totals, received: 7 });
  expect(verdict).toMatchObject({ isRight: true, ledger: [] });
  expect(verdict?.unjudged).toEqual([
    { what: "ledger of orders", why: "others tell of the changes of a database's rows" },
  ]);
});

test("while a table changes, its windows are not judged", async () => {
  const { truthPath, sent, append } = minutes();
  append({ type: "records-acked", records: sent.length - 9, at: START_MS + 301_000 });
  const verdict = await judge(truthPath, [], totalsOf(sent));
  expect(verdict).toMatchObject({ hasEnded: false, windows: [], ledger: [] });
  expect(verdict?.unjudged).toEqual(
    ["amounts", "failures"].map((what) => ({ what, why: "its table changes until the run has ended" })),
  );
});

test("a column that is no time cannot be that of the rows", async () => {
  const { truthPath, sent, end } = minutes();
  end();
  const metrics = METRICS.map((metric) => ({ ...metric, timePath: ["status"] }));
  const verdict = await judge(truthPath, [], totalsOf(sent), { metrics });
  expect(verdict?.windows).toEqual([]);
  expect(verdict?.unjudged[0]).toEqual({ what: "amounts", why: "status is no time of its table" });
});
