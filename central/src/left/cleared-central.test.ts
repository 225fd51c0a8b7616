// Windows, metrics and streams that are taken out of central's pipeline, cleared, and put back: what stays says the same, what
// comes back counts nothing twice.
import type { RecordStreamConfig } from "@millrace/config";
import { MemoryLogger } from "@millrace/runtime";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { Central, CentralOptions } from "../central.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { changeEvent, CHANGES } from "../records/changes/followed-table.test-support.ts";
import type { OrderRow } from "../records/changes/followed-table.test-support.ts";
import { UNLIMITED } from "../history/history-world.test-support.ts";
import { openCentral } from "../records/open-central.test-support.ts";
import { AMOUNT, AMOUNT_1M, bytesOf, FAILED, ORDERS } from "../records/staged-records.test-support.ts";
import { CENTRAL_KEYS, keysUnder } from "../store/central-keys.ts";
import { ageLeft } from "./age-left.test-support.ts";

const NOW = 1_700_000_040_000;
const FAILED_1M = { ...AMOUNT_1M, name: "failed_1m", metric: "failed" };
const BOTH = { metrics: [AMOUNT, FAILED], windows: [AMOUNT_1M, FAILED_1M] };
const AMOUNT_ALONE = { metrics: [AMOUNT], windows: [AMOUNT_1M] };
const NONE = { metrics: [], windows: [] };

/** One central after another over the same store. */
class Plant {
  readonly time = new SimulatedTime(NOW);
  readonly #records: RecordStreamConfig;
  readonly log = new MemoryLogger();
  store = new CrashingStore();
  central!: Central;

  constructor(records = ORDERS) {
    this.#records = records;
  }

  async start(pipeline: CentralOptions["pipeline"]): Promise<void> {
    const { store, time, log } = this;
    const records = [this.#records];
    const clock = time.clock();
    const history = UNLIMITED;
    this.central = await openCentral({ agents: [], pipeline, records, history, store, clock, log });
  }

  /** Stops in order. */
  async restart(pipeline: CentralOptions["pipeline"]): Promise<void> {
    const closed = this.central.close();
    await this.time.run(300);
    await closed;
    await this.start(pipeline);
  }

  /** The power is cut. */
  async crash(pipeline: CentralOptions["pipeline"]): Promise<void> {
    this.store = new CrashingStore(this.store.snapshot());
    await this.start(pipeline);
  }

  /** Central runs with this pipeline until all that it lacks is cleared. */
  async clear(pipeline: CentralOptions["pipeline"]): Promise<void> {
    await this.restart(pipeline);
    await ageLeft(this.store);
    await this.restart(pipeline);
    await this.time.run(3_000);
    expect(this.central.counts).toMatchObject({ leftNames: 0 });
  }

  async post(...values: readonly unknown[]) {
    const outcome = this.central.offerRecords("orders", {
      partition: 0,
      values: values.map(bytesOf),
      offsets: null,
      nextOffset: null,
      isAtEnd: true,
    });
    await this.time.run(600);
    return outcome;
  }

  async counts(window: string): Promise<(readonly [number, number | undefined])[]> {
    const query = { window, group: {}, fromMs: -1e15, toMs: 1e15, limit: 1_000, cursor: null };
    const { windows } = await this.central.windows(query);
    return windows.map(({ startMs, values }) => [startMs, values["count"]]);
  }

  /** Counts by hour, of the history. */
  async hours(metric: string): Promise<(number | null)[]> {
    const range = { fromMs: NOW - 86_400_000, toMs: NOW + 86_400_000, stepMs: 3_600_000, maxPoints: 1_000 };
    const query = { metric, by: null, group: {}, values: ["count"], limit: 10, cursor: null, ...range };
    const page = await this.central.series(query);
    if (!("series" in page)) throw new Error("the history has no such series");
    return page.series.flatMap(({ values }) => values["count"]);
  }

  async keyCount(letter: string, name?: string): Promise<number> {
    let count = 0;
    for await (const _ of this.store.range(keysUnder(letter, name))) count += 1;
    return count;
  }
}

const order = (id: number, t = NOW) => ({ id, t, region: "北京", amount: 2, payment: "paid" });

test("what stays in the pipeline says the same as if the rest had never been there", async () => {
  const [plant, plain] = [new Plant(), new Plant()];
  await plant.start(BOTH);
  await plain.start(AMOUNT_ALONE);
  for (const each of [plant, plain]) await each.post(order(1), order(2, NOW - 60_000));
  await plant.clear(AMOUNT_ALONE);
  for (const each of [plant, plain]) await each.post(order(3), order(2), order(4, NOW - 59_000));
  expect(await plant.counts("amount_1m")).toEqual(await plain.counts("amount_1m"));
  expect(await plant.counts("failed_1m")).toEqual([]);
  expect(plant.central.counts.clearedKeys).toBeGreaterThan(0);
  const left = { windows: ["failed_1m"], panes: ["failed@60000:"], streams: [] };
  expect(plant.log.lines.filter(({ message }) => message.includes("the pipeline has no more"))).toMatchObject(
    [
      { level: "info", fields: { ...left, days: 7 } },
      { level: "info", fields: { ...left, days: 0 } },
    ],
  );
  for (const letter of ["e", "i", "L"])
    expect(await plant.keyCount(letter)).toBe(await plain.keyCount(letter));
  // It comes back, and begins behind what its stream has had without it.
  await plant.crash(BOTH);
  await plant.post(order(5));
  await plant.time.run(60_000);
  await plant.post(order(6, NOW + 60_000));
  expect(await plant.counts("amount_1m")).toEqual([
    [NOW - 60_000, 2],
    [NOW, 3],
    [NOW + 60_000, 1],
  ]);
  expect(await plant.counts("failed_1m")).toEqual([[NOW + 60_000, 1]]);
});

test("what the history has of a window that was cleared and comes back is not made anew of what comes late", async () => {
  const plant = new Plant();
  await plant.start(BOTH);
  await plant.post(order(1), order(2, NOW + 1_000));
  await plant.time.run(900_000);
  expect(await plant.hours("failed")).toEqual([2]);
  await plant.clear(AMOUNT_ALONE);
  await plant.restart(BOTH);
  await plant.post(order(3, NOW + 2_000));
  await plant.time.run(900_000);
  expect(await plant.counts("failed_1m")).toEqual([]);
  expect(await plant.hours("failed")).toEqual([2]);
  expect(await plant.hours("amount")).toEqual([3]);
});

test("a stream that comes back after its ids were cleared goes on where it was, and counts nothing twice", async () => {
  const plant = new Plant();
  await plant.start(AMOUNT_ALONE);
  await plant.post(order(1), order(2, NOW + 1_000), order(3, NOW + 2_000));
  expect(await plant.keyCount("i", "orders")).toBeGreaterThan(0);
  await plant.clear(NONE);
  expect(await plant.keyCount("i", "orders")).toBe(0);
  expect(await plant.keyCount("e")).toBe(0);
  await plant.restart(AMOUNT_ALONE);
  const again = await plant.post(
    order(3, NOW + 2_000),
    order(1),
    order(4, NOW + 60_000),
    order(4, NOW + 60_000),
    order(5, NOW + 40_000),
  );
  // The window that it was in has lost what was cleared.
  expect(again).toMatchObject({ received: 5, taken: 1, duplicates: 1, setAside: 2, tooLate: 1 });
  expect(await plant.counts("amount_1m")).toEqual([[NOW + 60_000, 1]]);
  expect(plant.central.recordStreams()[0]).toMatchObject({ partitions: [{ partition: 0, position: 8 }] });
  await plant.crash(AMOUNT_ALONE);
  expect(await plant.post(order(2, NOW + 1_000), order(4, NOW + 60_000))).toMatchObject({ taken: 0 });
});

test("rows of a table that comes back after they were cleared are in no window where they may have been known", async () => {
  const plant = new Plant(CHANGES);
  await plant.start(AMOUNT_ALONE);
  const row = (id: number, t: number, amount = 2): OrderRow => ({
    id,
    t,
    region: "北京",
    amount,
    status: "paid",
  });
  const change = (op: "c" | "u", lsn: number, now: OrderRow) =>
    JSON.parse(Buffer.from(changeEvent(op, lsn, now)).toString());
  await plant.post(change("c", 10, row(1, NOW)), change("c", 20, row(2, NOW + 1_000)));
  expect(await plant.keyCount("t", "orders")).toBe(2);
  await plant.clear(NONE);
  expect([await plant.keyCount("t", "orders"), await plant.keyCount("x", "orders")]).toEqual([0, 0]);
  await plant.restart(AMOUNT_ALONE);
  const outcome = await plant.post(change("u", 30, row(1, NOW, 9)), change("c", 40, row(3, NOW + 60_000)));
  expect(outcome).toMatchObject({ taken: 1, tooLate: 1 });
  expect(await plant.counts("amount_1m")).toEqual([[NOW + 60_000, 1]]);
  expect(plant.central.recordStreams()[0]).toMatchObject({ rows: 1 });
});

test.each([
  ["crash_before", "synced"],
  ["crash_after", "synced"],
  ["crash_before", "not synced"],
  ["crash_after", "not synced"],
] as const)(
  "%s at any commit, %s, while its stream is cleared: it counts nothing twice when it comes back",
  async (fate, synced) => {
    const prepared = new Plant();
    await prepared.start(AMOUNT_ALONE);
    await prepared.post(order(1), order(2, NOW + 1_000));
    await prepared.restart(NONE);
    await ageLeft(prepared.store);
    for (let dieAt = 1; ; dieAt += 1) {
      const plant = new Plant();
      const store = new CrashingStore(prepared.store.snapshot());
      plant.store = store;
      await plant.start(NONE);
      const { commit } = store;
      if (synced === "synced") store.commit = (changes) => commit.call(store, changes, { isSync: true });
      store.fate = (commitNumber) => (commitNumber < dieAt ? "done" : fate);
      await plant.time.run(3_000);
      const isOver = store.triedCount < dieAt;
      await plant.crash(AMOUNT_ALONE);
      const outcome = await plant.post(
        order(1),
        order(2, NOW + 1_000),
        order(3, NOW + 30_000),
        order(4, NOW + 60_000),
      );
      const { taken = 0, duplicates = 0, setAside = 0 } = outcome ?? {};
      // As before, or anew: never a part of it.
      const isCleared = (await plant.store.get(CENTRAL_KEYS.cleared("amount"))) !== undefined;
      expect([taken, duplicates + setAside]).toEqual([isCleared ? 1 : 2, 2]);
      expect((await plant.counts("amount_1m")).map(([, count]) => count)).toEqual(isCleared ? [1] : [3, 1]);
      if (isOver) break;
    }
  },
);
