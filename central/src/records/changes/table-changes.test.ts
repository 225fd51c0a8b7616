// A table followed by its changes: whatever is repeated, comes in another order or is interrupted, windows say what a plain
// program makes of the rows that are in the table at the end.
import fc from "fast-check";
import { expect, test } from "vitest";
import { AMOUNT_10S, AMOUNT_ALL, changeEvent, FollowedTable, NOW } from "./followed-table.test-support.ts";
import type { Op, OrderRow } from "./followed-table.test-support.ts";

const REGIONS = ["北京", "上海", null];
const row = (id: number, changes: Partial<OrderRow> = {}): OrderRow => ({
  id,
  t: NOW,
  region: "北京",
  amount: 2,
  status: "paid",
  ...changes,
});

interface Change {
  readonly op: Op;
  readonly lsn: number;
  readonly row: OrderRow | null;
}

/** What a database writes of these steps: each is of a row that may be there or not. */
function logOf(steps: readonly { readonly kind: number; readonly row: OrderRow }[]): Change[] {
  const ids = new Set<number>();
  return steps.map(({ kind, row: next }, index): Change => {
    const lsn = 1_000 + 10 * index;
    if (kind === 0) {
      ids.clear();
      return { op: "t", lsn, row: null };
    }
    if (!ids.has(next.id)) {
      ids.add(next.id);
      return { op: kind === 1 ? "r" : "c", lsn, row: next };
    }
    if (kind > 2) return { op: "u", lsn, row: next };
    ids.delete(next.id);
    return { op: "d", lsn, row: next };
  });
}

type Values = Readonly<Record<string, number>>;

/** What a first program would say of the rows at the end, by window, region and start; none where there is no row. */
function plainWindows(log: readonly Change[]): Map<string, Values> {
  const rows = new Map<number, OrderRow>();
  for (const { op, row: now } of log) {
    if (now === null) rows.clear();
    else if (op === "d") rows.delete(now.id);
    else rows.set(now.id, now);
  }
  const readable = [...rows.values()].filter(({ region }) => region !== null);
  const groups = Map.groupBy(readable, ({ region, t }) => `${region} ${Math.floor(t / 60_000) * 60_000}`);
  const windows = new Map<string, Values>();
  for (const [key, own] of groups) {
    const amounts = own.map(({ amount }) => amount);
    const sum = amounts.reduce((a, b) => a + b, 0);
    const mean = sum / own.length;
    windows.set(`amount_1m ${key}`, {
      count: own.length,
      sum,
      mean,
      variance: amounts.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length,
      le_2: amounts.filter((each) => each <= 2).length,
      le_5: amounts.filter((each) => each <= 5).length,
      le_inf: own.length,
    });
    const paid = own.filter(({ status }) => status !== "pending");
    const failed = paid.filter(({ status }) => status === "failed");
    if (paid.length > 0)
      windows.set(`failed_1m ${key}`, { count: paid.length, ratio: failed.length / paid.length });
  }
  return windows;
}

async function windowsOf(table: FollowedTable): Promise<Map<string, Values>> {
  const found = new Map<string, Values>();
  for (const window of ["amount_1m", "failed_1m"])
    for (const { group, startMs, values } of await table.results(window)) {
      const { stddev, ...rest } = values;
      if (rest.count === 0) expect(values).toEqual({ count: 0 });
      else
        found.set(`${window} ${group.region} ${startMs}`, {
          ...rest,
          ...(stddev === undefined ? {} : { variance: stddev ** 2 }),
        });
    }
  return found;
}

function expectSame(found: Map<string, Values>, expected: Map<string, Values>): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [key, values] of expected) {
    expect(Object.keys(found.get(key) ?? {}).sort()).toEqual(Object.keys(values).sort());
    for (const [name, value] of Object.entries(values)) expect(found.get(key)?.[name]).toBeCloseTo(value, 6);
  }
}

const step = fc.record({
  kind: fc.nat(20),
  row: fc.record({
    id: fc.nat(6),
    t: fc.nat(2).map((minute) => NOW - minute * 60_000),
    region: fc.nat(8).map((at) => REGIONS[at % 4] ?? (at === 2 ? null : "广州")),
    amount: fc.integer({ min: -500, max: 900 }).map((cents) => cents / 100),
    status: fc.constantFrom("paid", "failed", "pending"),
  }),
});

test("any changes, repeated and in any order, interrupted anywhere: windows of the rows at the end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.infiniteStream(fc.nat(1_000)),
      fc.constantFrom("in order", "replayed", "any order"),
      async (steps, chance, order) => {
        const next = (below: number) => chance.next().value % below;
        const log = logOf(steps);
        let sent = [...log];
        if (order === "replayed") {
          // A connector that is started again begins before where it was.
          for (let restart = 0; restart < 3; restart += 1) {
            const at = next(sent.length);
            sent = [...sent.slice(0, at + 1), ...sent.slice(Math.max(0, at - next(10)))];
          }
        } else if (order === "any order") {
          sent.push(...log.filter(() => next(3) === 0));
          for (let at = sent.length - 1; at > 0; at -= 1) {
            const other = next(at + 1);
            [sent[at], sent[other]] = [sent[other], sent[at]];
          }
        }
        const table = await FollowedTable.open();
        while (sent.length > 0) {
          const batch = sent.splice(0, 1 + next(8));
          const fate = (["done", "done", "done", "crash_before", "crash_after"] as const)[next(5)];
          const crashAt = table.store.triedCount + 1;
          table.store.fate = (commit) => (commit === crashAt ? fate : "done");
          await table.post(
            batch.map(({ op, lsn, row: now }) => changeEvent(op, lsn, now, NOW + lsn, lsn - 10)),
          );
        }
        expectSame(await windowsOf(table), plainWindows(log));
        const { totals } = table.view;
        const { received, aggregated, duplicates, setAside, tooLate, noEffect, rejected } = totals;
        const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
        expect(received).toBe(aggregated + duplicates + setAside + tooLate + noEffect + refused);
        expect(totals.altered).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

test("an update takes out what the row had said, a deletion all; a window that nothing is left of says so", async () => {
  const table = await FollowedTable.open();
  expect(
    await table.post([
      changeEvent("r", 1, row(1, { amount: 5 })),
      changeEvent("c", 2, row(2)),
      changeEvent("u", 3, row(1, { region: "上海", amount: 7 })),
    ]),
  ).toMatchObject({ received: 3, taken: 3 });
  const byRegion = async () =>
    Object.fromEntries((await table.results()).map(({ group, values }) => [group.region, values]));
  expect(await byRegion()).toMatchObject({ 北京: { count: 1, sum: 2 }, 上海: { count: 1, sum: 7 } });
  expect(table.view).toMatchObject({ rows: 2, totals: { aggregated: 3, retracted: 1 } });
  const outcome = await table.post([changeEvent("d", 4, { id: 1 }), null, changeEvent("d", 5, { id: 9 })]);
  expect(outcome).toMatchObject({ received: 3, taken: 1, noEffect: 2 });
  expect(await byRegion()).toMatchObject({ 上海: { count: 0 } });
  expect(Object.keys((await byRegion()).上海)).toEqual(["count"]);
});

test("a change that says the same again leaves windows and their revisions alone", async () => {
  const table = await FollowedTable.open();
  await table.post([changeEvent("c", 1, row(1))]);
  const [{ revision }] = await table.results();
  await table.post([changeEvent("u", 2, row(1)), changeEvent("u", 2, row(1))]);
  expect(await table.results()).toMatchObject([{ revision, values: { count: 1 } }]);
  expect(table.view.totals).toMatchObject({ aggregated: 2, duplicates: 1, retracted: 0 });
});

test("a database whose log begins anew: an alarm says that what it tells of known rows is in no window", async () => {
  const table = await FollowedTable.open();
  await table.post([1, 2, 3].map((id) => changeEvent("c", 1_000 + id, row(id))));
  await table.post([changeEvent("u", 1_010, row(1, { amount: 3 })), changeEvent("c", 1_001, row(1))]);
  const alarms = () => table.central.alarms().filter(({ rule }) => rule === "data_loss");
  expect([table.view.totals.duplicates, table.view.totals.altered, alarms()]).toEqual([1, 0, []]);
  await table.crash();
  // Neither what comes again, nor what a snapshot reads, is of another log.
  await table.post([
    changeEvent("u", 1_010, row(1, { amount: 3 })),
    changeEvent("r", 500, row(2), NOW + 1e6),
  ]);
  expect([table.view.totals.altered, alarms()]).toEqual([0, []]);
  await table.crash();
  await table.post([
    changeEvent("u", 10, row(1, { amount: 5 }), NOW + 2_000),
    changeEvent("c", 20, row(4), NOW + 3_000),
    changeEvent("d", 30, row(2), NOW + 4_000),
  ]);
  expect(table.view.totals).toMatchObject({ duplicates: 5, altered: 2 });
  expect(alarms()).toMatchObject([{ value: 2, message: expect.stringContaining("begun anew") }]);
});

/** As Debezium told it of a real PostgreSQL: at the snapshot's moment two transactions are under way, and are committed behind it. */
test("what was under way while a snapshot was read counts behind it, however low its place in the log is, and once", async () => {
  const snapshot = [1, 2, 3].map((id) => changeEvent("r", 26_366_816, row(id, { amount: 10 })));
  const told = [
    changeEvent("u", 26_366_616, row(1, { amount: 99 }), NOW, null),
    changeEvent("u", 26_366_640, row(1, { amount: 100 }), NOW, null),
    changeEvent("d", 26_366_700, { id: 3 }, NOW, 26_367_000),
    changeEvent("u", 26_367_016, row(2, { amount: 50 }), NOW, 26_367_000),
  ];
  for (const events of [
    [...snapshot, ...told],
    [...snapshot, ...told, ...told],
    [...snapshot, ...snapshot, ...told, ...told.slice(1)],
    [...snapshot, ...told, ...snapshot],
  ]) {
    const table = await FollowedTable.open();
    for (const event of events) {
      await table.post([event]);
      if (event === told[1]) await table.crash();
    }
    expect(await table.results()).toMatchObject([{ values: { count: 2, sum: 150 } }]);
    expect(table.view.totals).toMatchObject({ duplicates: events.length - 7, altered: 0 });
  }
});

test("what was told before a snapshot that reads its row again, and is told once more, is a duplicate", async () => {
  const table = await FollowedTable.open();
  const early = changeEvent("c", 10, row(1, { amount: 1 }), NOW, null);
  await table.post([early, changeEvent("u", 20, row(1, { amount: 2 }), NOW, 15)]);
  await table.post([changeEvent("r", 30, row(1, { amount: 2 })), early]);
  await table.post([changeEvent("u", 20, row(1, { amount: 2 }), NOW, 15)]);
  expect(await table.results()).toMatchObject([{ values: { count: 1, sum: 2 } }]);
  await table.post([changeEvent("u", 25, row(1, { amount: 5 }), NOW, 31)]);
  expect(await table.results()).toMatchObject([{ values: { count: 1, sum: 5 } }]);
  expect(table.view.totals).toMatchObject({ duplicates: 2, altered: 0 });
});

test("a change that stands where the snapshot does comes after it, whichever is read first", async () => {
  for (const isReadFirst of [true, false]) {
    const table = await FollowedTable.open();
    const both = [changeEvent("r", 5, row(1)), changeEvent("u", 5, row(1, { amount: 7 }))];
    await table.post(isReadFirst ? both : both.toReversed());
    expect(await table.results()).toMatchObject([{ values: { count: 1, sum: 7 } }]);
  }
});

test("a row that cannot be read any more is refused, and what it had said is taken out", async () => {
  const table = await FollowedTable.open();
  await table.post([changeEvent("c", 1, row(1)), changeEvent("c", 2, row(2))]);
  const outcome = await table.post([
    changeEvent("u", 3, row(1, { region: null })),
    changeEvent("u", 1, row(2)),
  ]);
  expect(outcome).toMatchObject({ rejectedCount: 1, duplicates: 1 });
  expect(outcome.rejected).toMatchObject([{ index: 0, reason: "no_label" }]);
  expect(await table.results()).toMatchObject([{ values: { count: 1, sum: 2 } }]);
});

test("an emptied table: its rows are taken out over several commits, a crash between them, and new ones stay", async () => {
  const table = await FollowedTable.open({ debezium: { ...CHANGES_OF, rowsMax: 100_000 } });
  const rows = Array.from({ length: 25_000 }, (_, id) => changeEvent("c", 1 + id, row(id)));
  await table.post(rows);
  expect(await table.results()).toMatchObject([{ values: { count: 25_000 } }]);
  table.store.fate = (commit) => (commit === table.store.triedCount + 2 ? "crash_before" : "done");
  await table.post([changeEvent("t", 50_000, null), changeEvent("c", 50_001, row(7, { amount: 3 }))]);
  await table.crash();
  await table.time.run(2_000);
  expect(await table.results()).toMatchObject([{ values: { count: 1, sum: 3 } }]);
  expect(table.view).toMatchObject({ rows: 1, totals: { retracted: 25_000 } });
  // What was before it and comes again is of the table that was.
  expect(await table.post([changeEvent("c", 40, row(39))])).toMatchObject({ duplicates: 1 });
});

const CHANGES_OF = { decimals: new Map<string, number>(), dates: new Set<string>(), timeZone: null };

test("the watermark goes by rows' own times, which changes of old rows do not move", async () => {
  const table = await FollowedTable.open();
  await table.post([changeEvent("c", 1, row(1)), changeEvent("c", 2, row(2, { t: NOW - 120_000 }))]);
  const watermark = () => table.view.partitions[0].watermarkMs;
  expect(watermark()).toBe(NOW - 5_000);
  await table.post([
    changeEvent("u", 3, row(2, { t: NOW - 120_000, amount: 9 })),
    changeEvent("d", 4, { id: 1 }),
  ]);
  expect(watermark()).toBe(NOW - 5_000);
  await table.post([changeEvent("c", 5, row(3, { t: NOW + 1_000 }))]);
  expect(watermark()).toBe(NOW - 4_000);
});

test("rows are kept until their windows are final; what changes after that is too late", async () => {
  const table = await FollowedTable.open();
  await table.post([changeEvent("c", 1, row(1)), changeEvent("c", 2, row(2, { t: NOW + 60_000 }))]);
  expect(table.view.rows).toBe(2);
  await table.time.run(2 * 3_600_000 - 60_000);
  await table.post([changeEvent("c", 3, row(3, { t: NOW + 2 * 3_600_000 }))]);
  await table.time.run(10_000);
  expect(table.view.rows).toBe(1);
  expect(
    await table.post([changeEvent("u", 4, row(1, { amount: 9 })), changeEvent("d", 5, { id: 2 })]),
  ).toMatchObject({ tooLate: 1, noEffect: 1 });
  expect(table.view.totals.tooLateByMetric).toEqual({ amount: 1, failed: 1 });
  expect(await table.results()).toMatchObject([
    { state: "final", values: { sum: 2 } },
    { state: "final", values: { sum: 2 } },
    { values: { sum: 2 } },
  ]);
});

test("more rows than are to be kept: the oldest are forgotten, and what changes of their time is set aside", async () => {
  const table = await FollowedTable.open({ debezium: { ...CHANGES_OF, rowsMax: 10 } });
  const rows = Array.from({ length: 15 }, (_, id) =>
    changeEvent("c", 1 + id, row(id, { t: NOW - 15_000 + id })),
  );
  await table.post(rows);
  expect(table.view).toMatchObject({ rows: 10, rowsDropped: 5 });
  await table.crash();
  expect(
    await table.post([
      changeEvent("u", 100, row(0, { t: NOW - 15_000, amount: 9 })),
      changeEvent("u", 101, row(9, { t: NOW - 15_000, amount: 3 })),
    ]),
  ).toMatchObject({ setAside: 1, taken: 1, aside: [{ index: 0, reason: "set_aside" }] });
  const [{ values }] = await table.results();
  expect(values).toMatchObject({ count: 15, sum: 31 });
});

test("windows that are added later are never told to give back what they were not given", async () => {
  const table = await FollowedTable.open();
  await table.post([changeEvent("c", 1, row(1)), changeEvent("c", 2, row(2))]);
  table.windows = [...table.windows, AMOUNT_ALL];
  await table.crash();
  await table.post([changeEvent("u", 3, row(1, { amount: 9 })), changeEvent("d", 4, { id: 2 })]);
  expect(await table.results()).toMatchObject([{ values: { count: 1, sum: 9 } }]);
  // They begin behind what was there before them.
  expect(await table.results("amount_all")).toEqual([]);
  await table.crash();
  const t = NOW + 60_000;
  await table.post([changeEvent("u", 5, row(1, { t, amount: 4 })), changeEvent("c", 6, row(3, { t }))]);
  expect(await table.results()).toMatchObject([{ values: { count: 0 } }, { values: { count: 2, sum: 6 } }]);
  expect(await table.results("amount_all")).toMatchObject([{ values: { count: 2, sum: 6 } }]);
});

test("nor are they in the store of an earlier build, where they begin at once", async () => {
  const table = await FollowedTable.open();
  await table.post([changeEvent("c", 1, row(1)), changeEvent("c", 2, row(2))]);
  table.windows = [...table.windows, AMOUNT_ALL];
  await table.upgrade();
  await table.post([changeEvent("u", 3, row(1, { amount: 9 })), changeEvent("d", 4, { id: 2 })]);
  expect(await table.results()).toMatchObject([{ values: { count: 1, sum: 9 } }]);
  expect(await table.results("amount_all")).toMatchObject([{ values: { count: 1, sum: 9 } }]);
  await table.crash();
  await table.post([changeEvent("u", 5, row(1, { amount: 4 })), changeEvent("c", 6, row(3))]);
  expect(await table.results("amount_all")).toMatchObject([{ values: { count: 2, sum: 6 } }]);
});

test("a finer window that is added leaves those of before what the rows say, whatever changes", async () => {
  const table = await FollowedTable.open();
  await table.post([
    changeEvent("c", 1, row(1, { amount: 5 })),
    changeEvent("c", 2, row(2, { t: NOW + 30_000, amount: 7 })),
  ]);
  table.windows = [...table.windows, AMOUNT_10S];
  await table.crash();
  await table.post([changeEvent("u", 3, row(2, { t: NOW + 30_000, amount: 8 }))]);
  expect(await table.results()).toMatchObject([{ values: { count: 2, sum: 13, mean: 6.5 } }]);
  // Nothing but the new row is in the pane of its ten seconds.
  await table.post([changeEvent("c", 4, row(3, { t: NOW + 30_000 })), changeEvent("d", 5, { id: 3 })]);
  await table.post([changeEvent("u", 6, row(2, { t: NOW + 31_000, amount: 1_000 }))]);
  expect(await table.results()).toMatchObject([{ values: { count: 2, sum: 1_005, mean: 502.5 } }]);
  expect(await table.results("amount_10s")).toEqual([]);
});

test("panes that lie across one another, one after the other: what changes is taken out of the one that it is in", async () => {
  const table = await FollowedTable.open();
  const minutes = table.windows;
  const crashWith = async (sizeMs: number) => {
    table.windows = [...minutes, { ...AMOUNT_10S, sizeMs, slideMs: sizeMs }];
    await table.crash();
  };
  await crashWith(20_000);
  await table.post([changeEvent("c", 1, row(1, { t: NOW + 35_000, amount: 5 }))]);
  await crashWith(30_000);
  await table.post([changeEvent("c", 2, row(2, { t: NOW + 45_000, amount: 7 }))]);
  await crashWith(10_000);
  await table.post([changeEvent("u", 3, row(2, { t: NOW + 45_000, amount: 8 }))]);
  expect(await table.results()).toMatchObject([{ values: { count: 2, sum: 13, mean: 6.5 } }]);
});

test("a wrong amount leaves nothing behind when it is corrected: mean and spread are those of the rows", async () => {
  const table = await FollowedTable.open();
  const amounts = [12.5, 13.1, 1e8, 12.9];
  await table.post(amounts.map((amount, id) => changeEvent("c", 10 * (id + 1), row(id, { amount }))));
  await table.crash();
  await table.post([changeEvent("u", 100, row(2, { amount: 12.7 }))]);
  const [{ values }] = await table.results();
  expect(values["sum"]).toBeCloseTo(51.2, 12);
  expect(values["mean"]).toBeCloseTo(12.8, 13);
  expect(values["stddev"]).toBeCloseTo(Math.sqrt(0.05), 12);
});

test("a great value that an update leaves as it was, and does not tell, is what it was", async () => {
  const table = await FollowedTable.open();
  const untold = "__debezium_unavailable_value";
  await table.post([changeEvent("c", 1, row(1, { status: "failed" })), changeEvent("c", 2, row(2))]);
  await table.crash();
  const update = (lsn: number, changes: Readonly<Record<string, unknown>>) =>
    changeEvent("u", lsn, { ...row(1), ...changes });
  expect(await table.post([update(3, { region: untold, amount: 9, status: untold })])).toMatchObject({
    taken: 1,
    rejectedCount: 0,
  });
  expect(await table.results()).toMatchObject([{ group: { region: "北京" }, values: { count: 2, sum: 11 } }]);
  expect(await table.results("failed_1m")).toMatchObject([{ values: { count: 2, ratio: 0.5 } }]);
  await table.post([update(4, { region: "上海", amount: untold })]);
  expect(await table.results()).toMatchObject([
    { group: { region: "上海" }, values: { count: 1, sum: 9 } },
    { group: { region: "北京" }, values: { count: 1, sum: 2 } },
  ]);
  // Of a row that is not known nobody can say it.
  const unknown = changeEvent("u", 5, { ...row(3), region: untold });
  expect(await table.post([unknown])).toMatchObject({ taken: 0, rejectedCount: 1 });
});
