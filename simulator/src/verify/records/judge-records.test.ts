// The judge of records, against a central of paper that says what the truth says, or differs from it in one thing.
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
  windows: [10s]
  orders: { perSecond: 20, regions: { 北京: 3, 上海: 1 }, payment: { declined: 0.2 } }
`;

interface Order {
  readonly amount: number;
  readonly region: string;
  readonly payment: string;
}

/** A minute of orders and their truth. */
function minute(text = PLAN) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-judge-"));
  folders.push(folder);
  const truthPath = join(folder, "truth.jsonl");
  const log = new TruthLog(truthPath);
  const world = new RecordedWorld({
    plan: parsePlan(text, "plan"),
    startMs: START_MS,
    recovery: null,
    record: (line) => log.append(line),
    hasRecords: true,
  });
  const order = new SendingOrder();
  const sent: BusinessRecord[] = [];
  while (world.nextTimeMs < START_MS + 60_000) {
    const records = world.step();
    sent.push(...order.take(records), ...order.until(world.recordsMadeToMs));
  }
  const append = (line: TruthLine): void => {
    log.append(line);
    log.flush();
  };
  const end = (): void => {
    world.finish();
    log.flush();
  };
  sent.push(...order.until(Infinity));
  return { truthPath, sent, append, end };
}

const shared = { stream: "orders", timePath: ["time"], isOptional: false, isAdjusted: false };
const labels = [{ name: "region", path: ["region"] }];
const METRICS: RecordMetric[] = [
  { ...shared, metric: "amount", path: ["amount"], map: null, labels },
  { ...shared, metric: "failed", path: ["payment"], map: { paid: 0, failed: 1 }, labels },
];
const lengths = { sizeMs: 10_000, slideMs: 10_000, offsetMs: 0, latenessMs: 60_000, by: ["region"] };
const WINDOWS: WindowDefinition[] = [
  { name: "amounts", metric: "amount", ...lengths },
  { name: "failures", metric: "failed", ...lengths, ratio: { side: "equal", limit: 1 } },
];

/** Central's rows of these orders, added up plainly. */
function rowsOf(orders: readonly BusinessRecord[]): CentralWindow[] {
  const rows = new Map<string, CentralWindow & { readonly values: Record<string, number> }>();
  for (const { json, timeMs, topic } of orders) {
    if (topic !== "orders" || json === null) continue;
    const { amount, region, payment }: Order = JSON.parse(json);
    const startMs = Math.floor(timeMs / 10_000) * 10_000;
    for (const { name } of WINDOWS) {
      const key = `${name} ${startMs} ${region}`;
      const values = rows.get(key)?.values ?? { count: 0, sum: 0, failed: 0 };
      rows.set(key, {
        window: name,
        group: { region },
        startMs,
        endMs: startMs + 10_000,
        revision: 1,
        state: "complete",
        values,
      });
      values["count"] += 1;
      values["sum"] += amount;
      if (payment === "failed") values["failed"] += 1;
    }
  }
  return [...rows.values()].map((row) => {
    const { count, sum, failed } = row.values;
    const own: Record<string, number> =
      row.window === "amounts" ? { count, sum } : { count, ratio: failed / count };
    return { ...row, values: own };
  });
}

function totalsOf(orders: readonly BusinessRecord[]) {
  const own = orders.filter(({ topic }) => topic === "orders");
  const count = (fate: BusinessRecord["fate"]): number => own.filter((each) => each.fate === fate).length;
  return {
    received: own.length,
    aggregated: count(undefined),
    duplicates: count("again"),
    setAside: 0,
    tooLate: 0,
    noEffect: 0,
    unwindowed: 0,
    rejected: { malformed: count("spoilt") },
  };
}

async function judge(
  truthPath: string,
  rows: readonly CentralWindow[],
  totals: CentralStream["totals"],
  metrics: readonly RecordMetric[] = METRICS,
) {
  const pipeline = {
    windows: [...WINDOWS, { ...WINDOWS[0], name: "transfers", metric: "transferred" }],
    windowedMetrics: new Set(["amount", "failed", "transferred"]),
    recordMetrics: new Map(
      [...metrics, { ...METRICS[0], metric: "transferred", stream: "transfers" }].map((metric) => [
        metric.metric,
        metric,
      ]),
    ),
    watchRules: [],
    distinctRules: [],
    windowRules: [],
  };
  const client = {
    async *windows(window: string) {
      yield* rows.filter((row) => row.window === window);
    },
    alarms: () => Promise.resolve([]),
    recordStreams: () => Promise.resolve(new Map([["orders", { stream: "orders", source: "http", totals }]])),
  };
  const truth = new RecordTruth(truthPath);
  for await (const line of readTruth(truthPath)) truth.onLine(line);
  return judgeRecords({ truthPath, truth, client, pipeline });
}

test("what central has of all records is right; what cannot be judged is listed with the reason", async () => {
  const { truthPath, sent, end, append } = minute();
  end();
  append({ type: "records-acked", records: sent.length, at: START_MS + 61_000 });
  const verdict = await judge(truthPath, rowsOf(sent), totalsOf(sent));
  expect([verdict?.faults, verdict?.windows.flatMap(({ faults }) => faults)]).toEqual([[], []]);
  expect(verdict).toMatchObject({ isRight: true, sent: sent.length, unacked: 0, hasEnded: true });
  expect(verdict?.windows.map(({ right, compared }) => [right, compared])).toEqual([
    [12, ["count", "sum"]],
    [12, ["count", "ratio"]],
  ]);
  expect(verdict?.matches).toEqual([
    { window: "amounts", reads: "orders (http): amount" },
    { window: "failures", reads: "orders (http): payment as paid = 0, failed = 1" },
  ]);
  expect(verdict?.unjudged).toEqual([
    { what: "transfers", why: "the truth has no stream transfers" },
    { what: "stream refunds", why: "central does not read it" },
  ]);
});

test.each(["iso", "local", "epoch-ms"])("a metric that reads %s times refuses no record", async (time) => {
  const { truthPath, sent, end } = minute(PLAN.replace("business:", `business:\n  time: ${time}`));
  end();
  const value = { kind: "since", unit: time === "epoch-ms" ? "ms" : "iso", timeZone: null } as const;
  const late: RecordMetric = { ...METRICS[0], metric: "late", path: ["time"], value };
  const verdict = await judge(truthPath, rowsOf(sent), totalsOf(sent), [...METRICS, late]);
  expect(verdict).toMatchObject({ isRight: true, windows: [{ right: 12 }, { right: 12 }] });
});

test("what a process that ended did not hear of is not acknowledged", async () => {
  const { truthPath, sent, append } = minute();
  append({ type: "records-acked", records: sent.length, at: START_MS + 61_000 });
  append({ type: "records-unacked", records: 2, at: START_MS + 61_000 });
  expect(await judge(truthPath, rowsOf(sent), totalsOf(sent))).toMatchObject({ hasEnded: false, unacked: 2 });
});

const plus = (row: CentralWindow, name: string, by: number): CentralWindow => ({
  ...row,
  values: { ...row.values, [name]: row.values[name] + by },
});

test.each([
  [
    "an order that is missing in its window",
    (rows: CentralWindow[]) => [plus(rows[0], "count", -1), ...rows.slice(1)],
  ],
  ["a cent too much", (rows: CentralWindow[]) => [plus(rows[0], "sum", 0.01), ...rows.slice(1)]],
  ["a window that is not there", (rows: CentralWindow[]) => rows.slice(1)],
  [
    "a failure too many",
    (rows: CentralWindow[]) =>
      rows.map((row) => (row.window === "failures" ? plus(row, "ratio", 0.001) : row)),
  ],
])("%s is found", async (_what, change) => {
  const { truthPath, sent, end } = minute();
  end();
  const rows = rowsOf(sent);
  expect((await judge(truthPath, rows, totalsOf(sent)))?.isRight).toBe(true);
  const verdict = await judge(truthPath, change(rows), totalsOf(sent));
  expect(verdict?.isRight).toBe(false);
  expect(verdict?.ledger.every(({ isRight }) => isRight)).toBe(true);
});

test.each(["received", "aggregated", "duplicates", "tooLate", "setAside"] as const)(
  "a ledger that counts one %s too many is found",
  async (name) => {
    const { truthPath, sent, end, append } = minute();
    end();
    append({ type: "records-acked", records: sent.length, at: START_MS + 61_000 });
    const totals = totalsOf(sent);
    const verdict = await judge(truthPath, rowsOf(sent), { ...totals, [name]: totals[name] + 1 });
    expect(verdict?.isRight).toBe(false);
    const wrong = verdict?.ledger.filter(({ isRight }) => !isRight).map(({ count }) => count);
    expect(wrong).toContain("accounted for");
    expect(wrong?.length).toBe(2);
  },
);

test("what was sent again since nobody knew may have come twice, and no more often", async () => {
  const { truthPath, sent, end, append } = minute();
  end();
  append({ type: "records-acked", records: sent.length, at: START_MS + 61_000, again: 3 });
  const totals = totalsOf(sent);
  const withAgain = (again: number) =>
    judge(truthPath, rowsOf(sent), {
      ...totals,
      received: totals.received + again,
      duplicates: totals.duplicates + again,
    });
  expect((await withAgain(3))?.isRight).toBe(true);
  expect((await withAgain(4))?.isRight).toBe(false);
});

test("a run that has not ended is judged as far as all of it has come, and its ledger is not", async () => {
  const { truthPath, sent, append } = minute();
  const half = Math.floor(sent.length / 2);
  append({ type: "records-acked", records: half, at: START_MS + 31_000 });
  const verdict = await judge(truthPath, rowsOf(sent.slice(0, half)), totalsOf(sent));
  expect(verdict).toMatchObject({ isRight: true, hasEnded: false, ledger: [] });
  const whole = Math.floor((sent[half].timeMs - START_MS) / 10_000);
  expect(verdict?.windows[0]).toMatchObject({ right: whole * 2, expected: whole * 2 });
});

test("a truth that cannot be made again is said to be none", async () => {
  const { truthPath, sent, append, end } = minute();
  append({ type: "records-end", time: START_MS + 70_000 });
  end();
  const verdict = await judge(truthPath, rowsOf(sent), totalsOf(sent));
  expect(verdict?.isRight).toBe(false);
  expect(verdict?.faults.join()).toContain("cannot be made again");
});

test("a record that a metric cannot read must be refused as a whole", async () => {
  const { truthPath, sent, end } = minute();
  end();
  const paid = METRICS.map((metric) => (metric.map === null ? metric : { ...metric, map: { paid: 0 } }));
  const good = sent.filter(({ json }) => json?.includes(`"paid"`) === true);
  const refused = sent.filter(({ json }) => json?.includes(`"failed"`) === true).length;
  const totals = { ...totalsOf(sent), aggregated: good.length, rejected: { bad_value: refused } };
  const verdict = await judge(truthPath, rowsOf(good), totals, paid);
  expect(verdict?.isRight).toBe(true);
  expect(verdict?.ledger.find(({ count }) => count === "rejected")?.min).toBe(refused);
});

test("what came late, twice or spoilt is accounted for", async () => {
  const text = `${PLAN}  delivery:
    lateness: { distribution: uniform, max: 5s }
    duplicates: { probability: 0.2, within: 5s }
    malformed: { probability: 0.1 }
`;
  const { truthPath, sent, end, append } = minute(text);
  end();
  append({ type: "records-acked", records: sent.length, at: START_MS + 61_000 });
  const good = sent.filter(({ fate }) => fate === undefined);
  const totals = totalsOf(sent);
  expect(Math.min(totals.duplicates, totals.rejected.malformed)).toBeGreaterThan(30);
  const verdict = await judge(truthPath, rowsOf(good), totals);
  expect(verdict?.windows.flatMap(({ faults }) => faults)).toEqual([]);
  expect(verdict?.isRight).toBe(true);
  expect(
    (await judge(truthPath, rowsOf(sent.filter(({ fate }) => fate !== "spoilt")), totals))?.isRight,
  ).toBe(false);
  const fewer = { ...totals, rejected: { malformed: totals.rejected.malformed - 1 } };
  const differs = await judge(truthPath, rowsOf(good), fewer);
  expect(differs?.isRight).toBe(false);
  expect(differs?.ledger.find(({ count }) => count === "rejected")?.reasons).toBe(
    `malformed ${fewer.rejected.malformed}`,
  );
});
